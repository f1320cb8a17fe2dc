"""Contents: each once, its split fixed once, and groups of those that show one picture."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from vision.curation import SPLITS, Split, joint_split, split_of_bucket

from .models import Content, Dataset, ExamImage, Sample
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
                split=split_of_bucket(sample.bucket),
                group=0,
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


def hashes_of(digests: Iterable[str]) -> list[int]:
    """The perceptual hashes of contents, in no order."""
    found: list[int] = []
    for some in _batches(digests):
        rows = Content.objects.filter(digest__in=some).values_list("perceptual_hash", flat=True)
        found += [int(value, 16) for value in rows]
    return found


def move_towards_learning(digests: Iterable[str], split: Split) -> None:
    """Give contents, and all that show the same pictures, a split, unless they are nearer to
    learning already, or show what an exam does. Datasets that show them have changed by it."""
    farther = SPLITS[SPLITS.index(split) + 1 :]
    for some in _batches(digests):
        with transaction.atomic():
            found = Content.objects.filter(digest__in=some, split__in=farther)
            groups = set(found.values_list("group", flat=True))
            free = groups - _examined(groups)
            _change(Content.objects.filter(group__in=free, split__in=farther), split=split)


def join(pairs: Iterable[tuple[int, int]]) -> None:
    """Put contents, by their keys, into one group, and into one split: that which is nearest to
    learning, but for pictures of an exam, which test for ever."""
    for pair in pairs:
        groups = set(Content.objects.filter(pk__in=pair).values_list("group", flat=True))
        if len(groups) < 2:
            continue
        members = Content.objects.filter(group__in=groups)
        splits = members.values_list("split", flat=True)
        split = "test" if _examined(groups) else joint_split(splits)
        _change(members, group=min(groups), split=split)


def pictures(digests: Iterable[str]) -> dict[str, int]:
    """Each content, and every other one that shows the same picture → the group of both."""
    found: dict[str, int] = {}
    for some in _batches(digests):
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
    for some in _batches(digests):
        for dataset in Dataset.objects.filter(samples__digest__in=some).distinct():
            move_on(dataset)


def _batches(digests: Iterable[str]) -> Iterator[Sequence[str]]:
    """No database takes any number of parameters."""
    remaining = iter(digests)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
