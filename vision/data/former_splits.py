"""The splits of versions up to starter-6, to tell what those versions were trained on.

Then a selection dealt its images to the splits after its own filtering, and moved some of them so
that every cell of race × gender × decade was in every split. Nothing is split like this any more.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vision.attributes import Labels, age_bin

from .cleaning import Reason, Record, judge_copies
from .near_copies import within
from .selection import SPLITS, Candidate, Selection, SelectionPolicy, Split, select

# Perceptual hashes at most so many bits apart showed one picture.
_NEAR_BITS = 2
# A cell with fewer distinct pictures could not be in all three splits.
_SMALLEST_CELL = 3
# Where one of the held-back buckets held less than this share of its two, the other was halved.
_LEAST_SHARE = 0.1
_NO_SPLIT_YET: Split = "train"

Groups = dict[int, list["FormerImage"]]
"""The chosen images of each group, in the order of their digests."""


@dataclass(frozen=True)
class FormerImage:
    """A file of a dataset. `refused`: why it cannot be used, copies aside. `override`: what an
    administrator said, `keep`, `drop` or nothing. `bucket`: the MD5 of its content modulo 20."""

    name: str
    digest: str
    labels: Labels | None
    refused: Reason | None
    override: str
    perceptual_hash: int
    bucket: int


def former_selection(policy: SelectionPolicy, images: Sequence[FormerImage]) -> Selection:
    """What a policy selected of a dataset, and into which splits."""
    reasons = _reasons(images)
    selected = select(
        policy,
        [
            Candidate(image.name, image.digest, image.labels, reason, _NO_SPLIT_YET)
            for image, reason in zip(images, reasons, strict=True)
        ],
    )
    readable = [image for image in images if image.digest]
    group_of = {i.name: group for i, group in zip(readable, _groups(readable), strict=True)}
    by_name = {image.name: image for image in readable}
    groups: Groups = defaultdict(list)
    for candidate, _ in selected.chosen:
        groups[group_of[candidate.name]].append(by_name[candidate.name])
    splits = _splits(groups)
    return replace(
        selected, chosen=tuple((c, splits[group_of[c.name]]) for c, _ in selected.chosen)
    )


def _reasons(images: Sequence[FormerImage]) -> list[Reason | None]:
    records = [
        # Alone in their groups: what looks alike is found below, among those that are left.
        Record(number, image.name, image.digest, image.labels, number)
        for number, image in enumerate(images)
        if image.digest and image.labels and not image.refused
    ]
    found = judge_copies(records)
    left = sorted((n for n, reason in found.items() if not reason), key=lambda n: images[n].name)
    first: dict[int, int] = {}
    for number, group in zip(left, _near_groups([images[n] for n in left]), strict=True):
        if first.setdefault(group, number) != number:
            found[number] = Reason.NEAR_DUPLICATE
    return [_ruled(image, found.get(n, image.refused)) for n, image in enumerate(images)]


def _ruled(image: FormerImage, found: Reason | None) -> Reason | None:
    if image.override == "drop" and found is None:
        return Reason.EXCLUDED
    if image.override == "keep" and image.digest and image.labels:
        return None
    return found


def _groups(images: Sequence[FormerImage]) -> list[int]:
    """A group number for each image: that of its identical and near copies."""
    near = _near_groups(images)
    first: dict[str, int] = {}
    same = [
        (first.setdefault(image.digest, group), group)
        for image, group in zip(images, near, strict=True)
    ]
    root = _joined(len(images), same)
    return [root[group] for group in near]


def _near_groups(images: Sequence[FormerImage]) -> list[int]:
    hashes = np.array([image.perceptual_hash for image in images], np.uint64)
    return _joined(len(images), within(hashes, hashes, _NEAR_BITS).tolist())


def _joined(count: int, pairs: Sequence[Sequence[int]]) -> list[int]:
    """The lowest index that each one of `count` is linked with, also by way of others."""
    lowest = list(range(count))

    def root(index: int) -> int:
        while lowest[index] != index:
            lowest[index] = lowest[lowest[index]]
            index = lowest[index]
        return index

    for left, right in pairs:
        low, high = sorted((root(left), root(right)))
        lowest[high] = low
    return [root(index) for index in range(count)]


def _splits(groups: Groups) -> dict[int, Split]:
    # Where copies fell into several buckets, the one trained on decided.
    buckets = {
        group: max((image.bucket for image in members), key=lambda bucket: bucket % 10)
        for group, members in groups.items()
    }
    held_back = Counter(bucket % 10 for bucket in buckets.values() if bucket % 10 < 2)
    lopsided = min(held_back[0], held_back[1]) < _LEAST_SHARE * held_back.total()
    splits: dict[int, Split] = {}
    for group, bucket in buckets.items():
        if bucket % 10 >= 2:
            splits[group] = "train"
        else:
            tests = bucket < 10 if lopsided else bucket % 10 == 0
            splits[group] = "test" if tests else "validation"
    _fill_cells(splits, groups)
    return splits


def _fill_cells(splits: dict[int, Split], groups: Groups) -> None:
    """Move single groups, in place, so that every cell with enough pictures is in every split."""
    cells: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    for group, members in groups.items():
        if labels := members[0].labels:
            cells[labels["race"], labels["gender"], age_bin(labels["age"])].append(group)
    for cell in cells.values():
        complete = {splits[group] for group in cell} == set(SPLITS)
        if complete or len(cell) < _SMALLEST_CELL:
            continue
        ordered = sorted(cell, key=lambda group: _draw(groups[group][0].digest))
        for lacking in SPLITS:
            sizes = Counter(splits[group] for group in cell)
            if not sizes[lacking]:
                largest = max(SPLITS, key=lambda split: sizes[split])
                splits[next(g for g in ordered if splits[g] == largest)] = lacking


def _draw(digest: str) -> str:
    return hashlib.sha256(f"0:{digest}".encode()).hexdigest()
