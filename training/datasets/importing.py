"""Bringing labelled images into a dataset: resumable, idempotent, nothing fatal but the path."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Protocol

from django.db import transaction

from training.models import Dataset, Sample
from training.models.labels import LABEL_COLUMNS
from vision.attributes import SHIPPED, Labels
from vision.data.cleaning import Reason
from vision.data.inspection import Facts, inspect
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.errors import PhotoError

from . import example_files
from .contents import keep
from .curations import current
from .judging import judge
from .lineage import bring_up_to_date
from .mean_faces import draw_all
from .revisions import move_on

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
Hold = Callable[[Sequence[LabelledFile]], Iterable[LabelledFile]]


class Labelled(Protocol):
    """Files with their labels, as many as its length says."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[LabelledFile]: ...


# Rows are committed in batches of this many; a kill costs the work of one batch.
_BATCH = 200
_THREADS = 2
_FIELDS = (
    "digest", *LABEL_COLUMNS, "found", "bucket",
    "width", "height", "brightness", "sharpness", "perceptual_hash", "reason", "sender",
)  # fmt: skip


def import_files(dataset: Dataset, path: Path, on_progress: Progress) -> int:
    """Import every image of `path` and clean what the dataset then holds; how many came or changed.

    Run again, it goes on where it was cut off, and changes nothing where all is there already, but
    that images get the labels of further attributes that they lack. Broken images and wrong names
    become samples with their reason. Raises vision.errors.VisionError where the path as a whole
    cannot be read, and whatever `on_progress` raises.
    """
    with LabelledFiles(path) as labelled:
        return bring_in(dataset, labelled, on_progress)


def bring_in(
    dataset: Dataset, labelled: Labelled, on_progress: Progress, hold: Hold = lambda files: files
) -> int:
    """Import files as `import_files` does.

    `hold` is asked within the transaction that writes rows which of its files may have one; what
    it gives has to stand until that ends.
    """
    changed, total, done = 0, len(labelled), 0
    on_progress("files", 0, total)
    for batch in _batches(labelled):
        changed += _import_batch(dataset, batch, hold)
        done += len(batch)
        on_progress("files", done, total)
    clean(dataset, on_progress)
    draw_all(dataset, on_progress)
    return changed


def clean(dataset: Dataset, on_progress: Progress) -> None:
    """Find and judge copies, and curate by every recipe, after anything in the dataset changed."""
    bring_up_to_date(on_progress)
    judge(dataset)
    move_on(dataset)
    on_progress("curation", 0, 0)
    current(dataset)


def _batches(labelled: Iterable[LabelledFile]) -> Iterator[list[LabelledFile]]:
    remaining = iter(labelled)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _import_batch(dataset: Dataset, batch: list[LabelledFile], hold: Hold) -> int:
    """Write a row for every file that is new or has changed; how many those are."""
    known = {
        sample.name: sample
        for sample in dataset.samples.filter(name__in=[file.name[:500] for file in batch])
    }
    new: list[LabelledFile] = []
    further: dict[int, Labels] = {}
    for file in batch:
        sample = known.get(file.name[:500])
        if sample is None or _has_changed(file, sample):
            new.append(file)
        elif lacking := _lacking(file, sample):
            further[sample.pk] = lacking
    added = _add_labels(further) if further else 0
    if not new:
        return added
    with ThreadPoolExecutor(_THREADS) as pool:
        samples = list(pool.map(_sample_of, new))
        # First the contents: should nothing show one in the end, its file is found by that.
        keep(samples)
        list(pool.map(_store, new, samples))
    with transaction.atomic():
        held = {file.name[:500] for file in hold(new)}
        samples = [sample for sample in samples if sample.name in held]
        for sample in samples:
            sample.dataset = dataset
            # Copies are judged at the end; until then nothing without labels passes for usable.
            sample.reason = sample.found
        Sample.objects.bulk_create(
            samples,
            update_conflicts=True,
            unique_fields=["dataset", "name"],
            update_fields=_FIELDS,
        )
    return added + len(samples)


def _lacking(file: LabelledFile, sample: Sample) -> dict[str, int]:
    """The further labels that a file has and its image lacks. What an image has stays: somebody may
    have put it right."""
    known = {*SHIPPED, *sample.labels}
    return {name: value for name, value in (file.labels or {}).items() if name not in known}


def _add_labels(further: Mapping[int, Labels]) -> int:
    """Give images, by their keys, labels that they lack; how many there are."""
    with transaction.atomic():
        samples = list(Sample.objects.select_for_update().filter(pk__in=further))
        for sample in samples:
            sample.labels = {**further[sample.pk], **sample.labels}
        Sample.objects.bulk_update(samples, ["further_labels"])
    return len(samples)


def _has_changed(file: LabelledFile, sample: Sample) -> bool:
    if not sample.digest:  # nothing was kept of it; its reason may be gone by now
        return bool(file.data)
    same = sample.digest == hashlib.sha256(file.data).hexdigest()
    return not same or sample.sender != file.sender


def _sample_of(file: LabelledFile) -> Sample:
    """The row of a file, unsaved; it has a digest where its content can be shown."""
    sample = Sample(name=file.name[:500], found=file.refusal, sender=file.sender)
    sample.labels = file.labels or {}
    try:
        facts = inspect(file.data)
    except PhotoError as error:
        logger.info("%s: %s", file.name, error)
        sample.found = sample.found or Reason.UNREADABLE
        return sample
    _describe(sample, facts)
    sample.digest = hashlib.sha256(file.data).hexdigest()
    md5 = hashlib.md5(file.data, usedforsecurity=False).hexdigest()
    sample.bucket = int(md5, 16) % 20
    return sample


def _store(file: LabelledFile, sample: Sample) -> None:
    if sample.digest:
        example_files.keep(file.data)


def _describe(sample: Sample, facts: Facts) -> None:
    sample.width, sample.height = facts.width, facts.height
    sample.brightness, sample.sharpness = facts.brightness, facts.sharpness
    sample.perceptual_hash = f"{facts.perceptual_hash:016x}"
