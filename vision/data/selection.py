"""From a cleaned dataset to what a model is trained on: a policy, its funnel, and fixed splits."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Literal

from vision.attributes import ATTRIBUTES, RACE, Labels
from vision.errors import VisionError
from vision.messages import Message

from .cleaning import Reason
from .utkface import Curated, Example

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
# What one sender's corrections may be of a training, as a share of what archives bring to it. One
# who is wrong in all of them then adds fewer wrong labels than a labelled archive has anyway.
SENDER_SHARE = 0.01
# What all senders' corrections may be together, as a share of the same. Where a third of them is
# wrong, some 6% of all labels are, about as many as near copies in an archive contradict.
CORRECTIONS_SHARE = 0.2


class NothingLeft(VisionError):
    """The policy leaves no image for one of the splits."""

    code = "nothing_left"


@dataclass(frozen=True)
class SelectionPolicy:
    """`races`: indices of the labels of `RACE` that are used. `tolerated`: reasons that do not
    exclude here. `undersample`: cut every race to the size of the smallest, instead of
    weighting."""

    name: str
    races: tuple[int, ...]
    tolerated: frozenset[Reason]
    undersample: bool


# The student deck cleaned by hand and did not look for copies; what it could not have used is out.
CLASSIC = SelectionPolicy(
    name="classic",
    races=(0, 1, 2),
    tolerated=frozenset({Reason.CONFLICTING_AGES, Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE}),
    undersample=True,
)
FULL = SelectionPolicy(
    name="full", races=tuple(range(len(RACE.labels))), tolerated=frozenset(), undersample=False
)
POLICIES: dict[str, SelectionPolicy] = {policy.name: policy for policy in (CLASSIC, FULL)}
# Every version is examined on the test images of this one, whatever it has learnt from.
EXAM = FULL


@dataclass(frozen=True)
class Candidate:
    """One file of a dataset. `labels` is None where it has none. `split` is its content's.

    `sender` names who gave it as a correction; it is empty where an archive brought it.
    """

    name: str
    digest: str
    labels: Labels | None
    reason: Reason | None
    split: Split
    sender: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the funnel: how many are left, and how many each named reason took."""

    step: str
    count: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class Selection:
    """What a policy selects: the funnel, and the split of every candidate that is used."""

    policy: str
    seed: int
    funnel: tuple[Step, ...]
    chosen: tuple[tuple[Candidate, Split], ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is chosen: contents, labels and splits, whatever the files are called."""
        lines = sorted(f"{split} {c.digest} {_numbers(c)}" for c, split in self.chosen)
        return hashlib.sha256("\n".join([self.policy, *lines]).encode()).hexdigest()

    def curated(self, locate: Callable[[str], Path]) -> Curated:
        """The examples by split; `locate` gives the file of a digest.

        Raises NothingLeft where a split is empty.
        """
        parts: dict[Split, list[Example]] = {split: [] for split in SPLITS}
        for candidate, split in self.chosen:
            digest, sender = candidate.digest, candidate.sender
            parts[split].append(Example(digest, locate(digest), _labels(candidate), sender))
        if empty := [split for split in SPLITS if not parts[split]]:
            raise NothingLeft(policy=self.policy, splits=reduce(_and, map(_named, empty)))
        return Curated(
            policy=self.policy,
            seed=self.seed,
            fingerprint=self.fingerprint,
            train=tuple(parts["train"]),
            validation=tuple(parts["validation"]),
            test=tuple(parts["test"]),
            corrections_left_out=self._corrections_left_out,
        )

    @property
    def _corrections_left_out(self) -> dict[str, int]:
        reasons = [step.reasons for step in self.funnel if step.step == "corrections"]
        return reasons[0] if reasons else {}


def split_of_bucket(bucket: int) -> Split:
    """The split of a content that nothing else speaks about: by its MD5 modulo 20.

    A tenth tests (0 and 1), a tenth validates (10 and 11). So half of each of the buckets 0 and 1
    modulo 10 tests, of which shares of UTKFace may lack one.
    """
    if bucket % 10 > 1:
        return "train"
    return "test" if bucket < 10 else "validation"


def joint_split(splits: Iterable[str]) -> Split:
    """The one split of contents that show one picture: that of theirs which is nearest to learning.

    What was learnt is never examined, and what validates is known to the training too.
    """
    present = set(splits)
    return next(split for split in SPLITS if split in present)


def with_exam(selection: Selection, exam: Selection) -> Selection:
    """A selection that is examined on another's test images instead of its own."""
    learnt = [(c, split) for c, split in selection.chosen if split != "test"]
    examined = [(c, split) for c, split in exam.chosen if split == "test"]
    return replace(selection, chosen=(*learnt, *examined))


# The steps that set images aside by reason, in order.
_CLEANING: dict[str, tuple[Reason, ...]] = {
    "labelled": (
        Reason.UNSAFE_NAME,
        Reason.MALFORMED_NAME,
        Reason.LABEL_NOT_KNOWN,
        Reason.LABEL_OUT_OF_RANGE,
        Reason.AMBIGUOUS_ROW,
    ),
    "readable": (Reason.NOT_FOUND, Reason.UNREADABLE, Reason.NO_FACE, Reason.EXCLUDED),
    "consistent": (Reason.CONFLICTING_CLASSES, Reason.CONFLICTING_AGES),
    "distinct": (Reason.REPEATED_FILE, Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE),
}


def select(policy: SelectionPolicy, candidates: Iterable[Candidate], seed: int = 0) -> Selection:
    """Apply a policy. The same candidates and seed give the same selection, in any order.

    The seed draws which images undersampling leaves out, and which corrections where too many were
    given; no seed touches a split.
    """
    remaining = sorted(candidates, key=lambda c: (c.digest, c.name))
    steps = _clean(remaining, policy)
    steps.append(_drop(remaining, "races", lambda c: _other_race(c, policy)))
    if any(c.sender for c in remaining):
        reasons = _bounded(remaining, policy, seed)
        steps.append(_drop(remaining, "corrections", lambda c: reasons.get(id(c))))
    if policy.undersample:
        kept = set(map(id, _undersampled(remaining, seed)))
        steps.append(_drop(remaining, "balanced", lambda c: _surplus(c, kept)))
    chosen = tuple((c, c.split) for c in remaining)
    return Selection(policy.name, seed, tuple(steps), chosen)


def _clean(remaining: list[Candidate], policy: SelectionPolicy) -> list[Step]:
    """Take out, in place, whatever has a reason that the policy does not tolerate."""
    left = len(remaining)
    used = {None, *policy.tolerated}
    counts = Counter(c.reason for c in remaining if c.reason not in used)
    remaining[:] = [c for c in remaining if c.reason in used]
    steps = [Step("files", left, {})]
    for name, reasons in _CLEANING.items():
        taken = {str(reason): counts[reason] for reason in sorted(reasons) if counts[reason]}
        left -= sum(taken.values())
        steps.append(Step(name, left, taken))
    return steps


def _drop(
    remaining: list[Candidate], step: str, reason_of: Callable[[Candidate], str | None]
) -> Step:
    """Take out, in place, whatever `reason_of` names a reason for."""
    reasons: Counter[str] = Counter()
    kept = []
    for candidate in remaining:
        if reason := reason_of(candidate):
            reasons[reason] += 1
        else:
            kept.append(candidate)
    remaining[:] = kept
    return Step(step, len(kept), dict(sorted(reasons.items())))


def _other_race(candidate: Candidate, policy: SelectionPolicy) -> str | None:
    race = _labels(candidate)["race"]
    return None if race in policy.races else f"race_{RACE.labels[race]}"


def _bounded(candidates: Sequence[Candidate], policy: SelectionPolicy, seed: int) -> dict[int, str]:
    """Why corrections do not train, by their `id`: a near copy of one is held back, its sender
    gave too many, or all senders together did.

    Of each sender at most SENDER_SHARE of what archives will bring trains, and one at least; of
    all at most CORRECTIONS_SHARE, the first of each sender before the second of any, drawn by a
    hash of the content.
    """
    given = [c for c in candidates if c.sender]
    reasons = {id(c): "held_back" for c in given if c.split != "train"}
    brought = _brought(candidates, policy)
    turns: Counter[str] = Counter()
    in_turn = []
    for candidate in sorted(given, key=lambda c: (_draw(seed, c.digest), c.name)):
        if candidate.split == "train":
            in_turn.append((turns[candidate.sender], candidate))
            turns[candidate.sender] += 1
    in_turn.sort(key=lambda pair: pair[0])
    within = [c for turn, c in in_turn if turn < max(1, int(SENDER_SHARE * brought))]
    reasons |= {id(c): "sender_bound" for _turn, c in in_turn[len(within) :]}
    return reasons | {id(c): "joint_bound" for c in within[int(CORRECTIONS_SHARE * brought) :]}


def _brought(candidates: Sequence[Candidate], policy: SelectionPolicy) -> int:
    """How many images archives will bring to a policy's training."""
    races = Counter(_labels(c)["race"] for c in candidates if c.split == "train" and not c.sender)
    return len(races) * min(races.values(), default=0) if policy.undersample else races.total()


def _surplus(candidate: Candidate, kept: set[int]) -> str | None:
    return None if id(candidate) in kept else f"surplus_{RACE.labels[_labels(candidate)['race']]}"


def _undersampled(candidates: Sequence[Candidate], seed: int) -> Iterator[Candidate]:
    """As many of every race as the smallest has, drawn by a hash of the content."""
    by_race: defaultdict[int, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_race[_labels(candidate)["race"]].append(candidate)
    smallest = min(map(len, by_race.values()), default=0)
    for members in by_race.values():
        yield from sorted(members, key=lambda c: (_draw(seed, c.digest), c.name))[:smallest]


def _draw(seed: int, digest: str) -> str:
    """A random order of contents that stays the same when others come or go."""
    return hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()


def _numbers(candidate: Candidate) -> str:
    labels = _labels(candidate)
    return " ".join(str(labels[name]) for name in ATTRIBUTES if name in labels)


def _labels(candidate: Candidate) -> Labels:
    if candidate.labels is None:
        raise ValueError(f"{candidate.name!r} has no labels and names no reason.")
    return candidate.labels


def _named(split: Split) -> Message:
    return Message(f"split.{split}")


def _and(first: Message, second: Message) -> Message:
    return Message("and", {"first": first, "second": second})
