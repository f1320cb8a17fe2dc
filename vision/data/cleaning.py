"""Why an image of a dataset is not used: named reasons, and which images are copies of which."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vision.attributes import AGE, Labels


class Reason(StrEnum):
    """Why an image is set aside. The order is that of the funnel: the first that applies counts."""

    UNSAFE_NAME = "unsafe_name"
    MALFORMED_NAME = "malformed_name"
    LABEL_NOT_KNOWN = "label_not_known"
    LABEL_OUT_OF_RANGE = "label_out_of_range"
    AMBIGUOUS_ROW = "ambiguous_row"
    NOT_FOUND = "not_found"
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
    """A readable, labelled image: a key of the caller's, its path and what it holds.

    `digest` is the SHA-256 of the content. Records of one `group` show one picture, as
    `vision.data.near_copies` finds out. `is_correction`: a sender gave it.
    """

    key: int
    name: str
    digest: str
    labels: Labels
    group: int
    is_correction: bool = False


def judge_copies(records: Sequence[Record]) -> dict[int, Reason | None]:
    """Why each record, by its key, is not to be used, if it is not; in whatever order they come.

    Of identical files that agree, the first is used: that with most labels, then by path. Where
    labels differ, none is, because nobody knows which is true; what is not said contradicts
    nothing. Of images that show one picture, the first is used. Corrections come last and
    contradict no image of an archive.
    """
    ordered = sorted(records, key=lambda r: (r.is_correction, -len(r.labels), r.name, r.key))
    reasons = _judge_identical(ordered)
    taken: set[int] = set()
    for record in ordered:
        if reasons[record.key] is not None:
            continue
        if record.group in taken:
            reasons[record.key] = Reason.NEAR_DUPLICATE
        taken.add(record.group)
    return reasons


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
    conflict = _conflict([r.labels for r in same if r.is_correction == same[0].is_correction])
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


def _conflict(copies: Sequence[Labels]) -> Reason | None:
    said: defaultdict[str, set[int]] = defaultdict(set)
    for labels in copies:
        for name, value in labels.items():
            said[name].add(value)
    differing = {name for name, values in said.items() if len(values) > 1}
    if differing - {AGE.name}:
        return Reason.CONFLICTING_CLASSES
    return Reason.CONFLICTING_AGES if differing else None
