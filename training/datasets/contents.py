"""Contents: each once, its split fixed once, and groups of those that show one picture."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from training.models import Content, Dataset, ExamImage, Sample
from vision.data.selection import SPLITS, Split, joint_split, split_of_bucket

from .revisions import move_on

_BATCH = 500


def keep(samples: Iterable[Sample]) -> None:
    """Make a row for every content that is new; what is known of the others stays.

    To be called before the samples have rows: a content that none shows any more has missed what
    came meanwhile, and is to be compared again.
    """
    new = {sample.digest: sample for sample in samples if sample.digest}
    shown = Exists(Sample.objects.filter(digest=OuterRef("digest")))
    Content.objects.filter(~shown, digest__in=new).update(compared=False)
    known = Content.objects.filter(digest__in=new).values_list("digest", flat=True)
    for digest in set(known):
        del new[digest]
    made = Content.objects.bulk_create(
        [
            Content(
                digest=digest,
                perceptual_hash=sample.perceptual_hash,
                split="train" if sample.sender else split_of_bucket(sample.bucket),
                group=0,
                is_correction=bool(sample.sender),
            )
            for digest, sample in new.items()
        ],
        # Another import may bring the same content at the same time.
        ignore_conflicts=True,
    )
    if made:
        Content.objects.filter(digest__in=new, group=0).update(group=F("pk"))


def of_sample(field: str, otherwise: Any) -> Coalesce:
    """A field of the content of each sample of a query, or what stands for none."""
    found = Content.objects.filter(digest=OuterRef("digest")).values(field)
    return Coalesce(Subquery(found), otherwise)


def is_test(sample: Sample) -> bool:
    """Whether versions are examined on an image."""
    return Content.objects.filter(digest=sample.digest, split="test").exists()


def hashes_of(digests: Iterable[str]) -> list[int]:
    """The perceptual hashes of contents, in no order."""
    found: list[int] = []
    for some in batches(digests):
        rows = Content.objects.filter(digest__in=some).values_list("perceptual_hash", flat=True)
        found += [int(value, 16) for value in rows]
    return found


def move_towards_learning(digests: Iterable[str], split: Split) -> None:
    """Give contents, and all that show the same pictures, a split, unless they are nearer to
    learning already, or show what an exam does. Datasets that show them have changed by it.
    Corrections stay and move none."""
    farther = SPLITS[SPLITS.index(split) + 1 :]
    movable = Content.objects.filter(is_correction=False, split__in=farther)
    for some in batches(digests):
        with transaction.atomic():
            groups = set(movable.filter(digest__in=some).values_list("group", flat=True))
            _change(movable.filter(group__in=groups - _examined(groups)), split=split)


def join(pairs: Iterable[tuple[int, int]]) -> None:
    """Put contents, by their keys, into one group, and into one split: that which is nearest to
    learning, but for pictures of an exam, which test for ever.

    A correction moves no other content and links none: beside what is held back it is held back
    too, whatever else it resembles.
    """
    for pair in pairs:
        linked = Content.objects.filter(pk__in=pair)
        groups = set(linked.values_list("group", flat=True))
        if len(groups) < 2:
            continue
        corrections = linked.filter(is_correction=True)
        of_archives = Content.objects.filter(group__in=groups, is_correction=False)
        if corrections and len(set(of_archives.values_list("group", flat=True))) == 2:
            _hold_back(corrections, of_archives)
        else:
            _merge(groups, of_archives)


def _merge(groups: Collection[int], of_archives: QuerySet[Content]) -> None:
    """Make one group of two; corrections in it are held back where the rest is."""
    members = Content.objects.filter(group__in=groups)
    splits = list(of_archives.values_list("split", flat=True))
    split = joint_split(splits) if splits else "train"
    _change(of_archives, split="test" if _examined(groups) else split)
    _hold_back(members.filter(is_correction=True), of_archives)
    _change(members, group=min(groups))


def _hold_back(corrections: QuerySet[Content], beside: QuerySet[Content]) -> None:
    """Take corrections out of training where one of the contents beside them is not in it."""
    held_back = beside.exclude(split="train").values_list("split", flat=True).first()
    if held_back:
        _change(corrections, split=held_back)


def pictures(digests: Iterable[str]) -> dict[str, int]:
    """Each content, and every other one that shows the same picture → the group of both."""
    found: dict[str, int] = {}
    for some in batches(digests):
        groups = Content.objects.filter(digest__in=some).values("group")
        found |= Content.objects.filter(group__in=groups).values_list("digest", "group")
    return found


def _examined(groups: Iterable[int]) -> set[int]:
    """The groups that have an image of an exam, present or superseded."""
    frozen = ExamImage.objects.filter(digest=OuterRef("digest"))
    members = Content.objects.filter(Exists(frozen), group__in=groups)
    return set(members.values_list("group", flat=True))


def _change(contents: QuerySet[Content], **fields: Any) -> None:
    digests = list(contents.values_list("digest", flat=True))
    contents.update(**fields)
    for some in batches(digests):
        for dataset in Dataset.objects.filter(samples__digest__in=some).distinct():
            move_on(dataset)


def batches(digests: Iterable[str]) -> Iterator[Sequence[str]]:
    """No database takes any number of parameters."""
    remaining = iter(digests)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
