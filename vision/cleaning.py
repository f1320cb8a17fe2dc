"""Why an image of a dataset is not used: named reasons, and which images are copies of which."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .dataset import Labels

# Two 64-bit perceptual hashes (DCT) this few bits apart show one picture, saved twice. Looked at in
# pairs from UTKFace: at 2 bits nearly all are one picture, at 4 most are two people.
NEAR_BITS = 2


class Reason(StrEnum):
    """Why an image is set aside. The order is that of the funnel: the first that applies counts."""

    UNSAFE_NAME = "unsafe_name"
    MALFORMED_NAME = "malformed_name"
    LABEL_OUT_OF_RANGE = "label_out_of_range"
    UNREADABLE = "unreadable"
    NO_FACE = "no_face"
    EXCLUDED = "excluded"  # by an administrator
    REPEATED_FILE = "repeated_file"
    CONFLICTING_CLASSES = "conflicting_classes"
    CONFLICTING_AGES = "conflicting_ages"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"


# Found by comparing images with each other, hence anew whenever images come or go.
COPY_REASONS: frozenset[Reason] = frozenset(
    {
        Reason.REPEATED_FILE,
        Reason.CONFLICTING_CLASSES,
        Reason.CONFLICTING_AGES,
        Reason.EXACT_DUPLICATE,
        Reason.NEAR_DUPLICATE,
    }
)


@dataclass(frozen=True)
class Record:
    """A readable image: a key of the caller's, its path and what it holds.

    `digest` is the SHA-256 of the content, `perceptual_hash` 64 bits as an unsigned integer.
    `labels` is None for an image that is out for another reason: it shares a group with its
    copies, in case somebody lets it in again, and has no part in theirs.
    """

    key: int
    name: str
    digest: str
    labels: Labels | None
    perceptual_hash: int


@dataclass(frozen=True)
class Verdict:
    """`reason`: None for an image to use. `group`: the lowest key among the image's copies."""

    reason: Reason | None
    group: int


def judge_copies(records: Sequence[Record], near_bits: int = NEAR_BITS) -> dict[int, Verdict]:
    """A verdict for every record's key, whatever order the records come in.

    Of identical files that agree, the first (by path) is used; where their labels differ, none
    is, because nobody knows which label is true. Of images that look the same, the first is used.
    """
    ordered = sorted(records, key=lambda record: (record.name, record.key))
    judged = [record for record in ordered if record.labels is not None]
    reasons = _judge_identical(judged)
    distinct = [record for record in judged if reasons[record.key] is None]
    near = group_near(np.array([r.perceptual_hash for r in distinct], np.uint64), near_bits)
    first: dict[int, int] = {}
    for record, label in zip(distinct, near.tolist(), strict=True):
        if first.setdefault(label, record.key) != record.key:
            reasons[record.key] = Reason.NEAR_DUPLICATE
    groups = _groups(ordered, near_bits)
    return {r.key: Verdict(reasons.get(r.key), groups[r.key]) for r in ordered}


def _judge_identical(ordered: Sequence[Record]) -> dict[int, Reason | None]:
    copies: defaultdict[str, list[Record]] = defaultdict(list)
    for record in ordered:
        copies[record.digest].append(record)
    reasons: dict[int, Reason | None] = {}
    for same in copies.values():
        for record, reason in zip(same, _reasons_of_identical(same), strict=True):
            reasons[record.key] = reason
    return reasons


def _reasons_of_identical(same: Sequence[Record]) -> list[Reason | None]:
    conflict: Reason | None = None
    labels = {record.labels for record in same if record.labels is not None}
    if len({(found.gender, found.race) for found in labels}) > 1:
        conflict = Reason.CONFLICTING_CLASSES
    elif len(labels) > 1:
        conflict = Reason.CONFLICTING_AGES
    seen: Counter[str] = Counter()
    reasons: list[Reason | None] = []
    for index, record in enumerate(same):
        base = record.name.rpartition("/")[2]
        seen[base] += 1
        if seen[base] > 1:  # some archives hold one folder twice
            reasons.append(Reason.REPEATED_FILE)
        else:
            reasons.append(conflict or (Reason.EXACT_DUPLICATE if index else None))
    return reasons


def _groups(ordered: Sequence[Record], near_bits: int) -> dict[int, int]:
    """Key → the lowest key among all images that are linked by being identical or near."""
    hashes = np.array([record.perceptual_hash for record in ordered], np.uint64)
    union = _Union(len(ordered))
    for members in _by_value([record.digest for record in ordered]):
        union.join(members)
    for left, right in _near_pairs(hashes, near_bits):
        union.join((left, right))
    lowest: dict[int, int] = {}
    for index, record in enumerate(ordered):
        root = union.root(index)
        lowest[root] = min(record.key, lowest.get(root, record.key))
    return {record.key: lowest[union.root(index)] for index, record in enumerate(ordered)}


def group_near(hashes: NDArray[np.uint64], bits: int = NEAR_BITS) -> NDArray[np.int64]:
    """A group number (N,) for each of N hashes: those within `bits` of each other share one,
    also by way of others between them."""
    union = _Union(len(hashes))
    for left, right in _near_pairs(hashes, bits):
        union.join((left, right))
    return np.array([union.root(index) for index in range(len(hashes))], np.int64)


def _near_pairs(hashes: NDArray[np.uint64], bits: int) -> Iterable[tuple[int, int]]:
    """All pairs of indices whose hashes differ in at most `bits` bits.

    Cut into bits + 1 bands, two such hashes agree in at least one whole band (pigeonhole), so
    only those that share a band are compared.
    """
    edges = np.linspace(0, 64, bits + 2).astype(int)
    for low, high in pairwise(edges):
        mask = np.uint64((1 << int(high - low)) - 1)
        bands = (hashes >> np.uint64(low)) & mask
        for members in _by_value(bands.tolist()):
            yield from _close(hashes, np.array(members), bits)


def _close(
    hashes: NDArray[np.uint64], members: NDArray[np.int64], bits: int
) -> Iterable[tuple[int, int]]:
    for position, index in enumerate(members[:-1]):
        others = members[position + 1 :]
        distance = np.bitwise_count(hashes[others] ^ hashes[index])
        for other in others[distance <= bits]:
            yield int(index), int(other)


def _by_value(values: Sequence[object]) -> list[list[int]]:
    """The indices of equal values, for values that occur more than once."""
    members: defaultdict[object, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        members[value].append(index)
    return [indices for indices in members.values() if len(indices) > 1]


class _Union:
    """Disjoint sets with path halving."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, members: Sequence[int]) -> None:
        first = self.root(members[0])
        for other in members[1:]:
            self._parent[self.root(other)] = first
