"""Corrections in datasets: learnt from and never examined on, and taken out again when withdrawn.

Whoever takes corrections in names a source of them (`come_from`) and withdraws each when it no
longer stands. Its samples go with the transaction that withdraws it; its picture and what backbones
made of it go right after that, or when a run under way, which has begun with them, has ended.
"""

import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from training.models import (
    Content,
    Dataset,
    Job,
    JobKind,
    JobState,
    ModelVersion,
    Sample,
    Withdrawal,
)
from training.registry.versions import trained_on
from vision.caches import feature_files
from vision.data.labelled_files import LabelledFile

from . import example_files, stored_contents
from .importing import Progress, bring_in
from .revisions import move_on
from .tallies import Tally


class Source(Protocol):
    """The corrections that stand, each as a file with its labels and its sender.

    A file's name is that of one correction as it is now, and of no other.
    """

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[LabelledFile]: ...

    def hold(self, files: Sequence[LabelledFile]) -> Iterable[LabelledFile]:
        """Those of the files that stand still, and will until the transaction ends."""
        ...


class _Nothing:
    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[LabelledFile]:
        return iter(())

    def hold(self, files: Sequence[LabelledFile]) -> Iterable[LabelledFile]:
        return files


_sources: list[Source] = [_Nothing()]


def come_from(source: Source) -> None:
    """Name where the corrections of this site come from."""
    _sources[0] = source


def add(dataset: Dataset, on_progress: Progress) -> Tally:
    """Bring all corrections that stand into a dataset; what became of them.

    Raises whatever `on_progress` raises. Run again, it goes on where it was cut off.
    """
    [source] = _sources
    added = bring_in(dataset, source, on_progress, source.hold)
    given = dataset.samples.exclude(sender="")
    Withdrawal.objects.filter(digest__in=given.values("digest")).delete()
    return added


def samples_of(names: Collection[str]) -> QuerySet[Sample]:
    """The samples of corrections by their names, in whatever datasets."""
    # By dataset and name there is an index; by name alone a million rows would be read.
    datasets = list(Dataset.objects.values_list("pk", flat=True))
    return Sample.objects.filter(dataset__in=datasets, name__in=names).exclude(sender="")


def withdraw(names: Collection[str], given: Iterable[str] = ()) -> int:
    """Take corrections, by their names, out of all datasets; how many contents that were.

    `given`: contents that were theirs in datasets that may be deleted by now. Versions may have
    learnt from them all the same.
    """
    with transaction.atomic():
        named = samples_of(names).values_list("digest", flat=True)
        digests = {*named, *given} - {""}
        samples = Sample.objects.filter(digest__in=digests).exclude(sender="")
        datasets = list(Dataset.objects.filter(pk__in=samples.values("dataset")))
        samples.delete()
        Withdrawal.objects.bulk_create(
            [Withdrawal(digest=digest) for digest in digests], ignore_conflicts=True
        )
        for dataset in datasets:
            move_on(dataset)
        if digests:
            transaction.on_commit(forget_withdrawn, robust=True)
    return len(digests)


def forget_withdrawn() -> int:
    """Delete the pictures of corrections that no dataset shows any more, and what was computed of
    them; how many there were.

    While a run goes that may be reading them nothing is deleted: to be called again. Raises
    StorageSilent.
    """
    shown = Exists(Sample.objects.filter(digest=OuterRef("digest")))
    withdrawn = Content.objects.filter(~shown, is_correction=True)
    digests = list(withdrawn.values_list("digest", flat=True))
    if not digests or _something_runs():
        return 0
    stored_contents.forget(digests)
    if _forget_here(digests):
        Content.objects.filter(~shown, digest__in=digests).delete()
    return len(digests)


def forget_withdrawn_here() -> None:
    """Delete what this machine has of corrections that were withdrawn, maybe on another."""
    shown = Exists(Sample.objects.filter(digest=OuterRef("digest")))
    digests = list(Withdrawal.objects.filter(~shown).values_list("digest", flat=True))
    if digests and not _something_runs():
        _forget_here(digests)


def _forget_here(digests: Sequence[str]) -> bool:
    """Whether all that this machine has of contents could be deleted."""
    for digest in digests:
        example_files.path_of(digest).unlink(missing_ok=True)
    # Decoded for a run that was cut off; it decodes them again in a minute.
    for crops in settings.TRAINING_ROOT.glob("*/crops"):
        shutil.rmtree(crops, ignore_errors=True)
    return feature_files.forget(settings.FEATURE_ROOT, digests)


def _something_runs() -> bool:
    return Job.objects.filter(state=JobState.RUNNING).exclude(kind=JobKind.EXAMINATION).exists()


def learnt_by(digests: Sequence[str]) -> dict[str, list[str]]:
    """Content → the names of the versions that have learnt from it, the oldest first."""
    names = defaultdict(list)
    for version in ModelVersion.objects.order_by("pk").defer("report"):
        if learnt := trained_on(version):
            for digest, is_learnt in zip(digests, learnt.holds(digests), strict=True):
                if is_learnt:
                    names[digest].append(version.name)
    return dict(names)


def withdrawn_from(version: ModelVersion) -> int:
    """How many corrections a version has learnt from that were withdrawn since."""
    digests = list(Withdrawal.objects.values_list("digest", flat=True))
    learnt = trained_on(version) if digests else None
    return int(learnt.holds(digests).sum()) if learnt else 0
