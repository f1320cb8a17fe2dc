"""Bringing labelled images into a dataset: resumable, idempotent, nothing fatal but the path, and
an import of which nothing can be used."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Protocol

from django.db import transaction
from django.db.models import Max, Q

from training.models import Dataset, Override, Sample
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
from .stored_contents import put_back_anew, store_if_possible
from .tallies import AT_FIRST_SIGHT, Tally

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
_LONGEST_NAME = 500
_FIELDS = (
    "digest", *LABEL_COLUMNS, "found", "bucket",
    "width", "height", "brightness", "sharpness", "perceptual_hash", "reason", "sender",
)  # fmt: skip


def import_files(dataset: Dataset, path: Path, on_progress: Progress) -> Tally:
    """Import every image of `path` and clean what the dataset then holds; what became of them.

    Run again, it goes on where it was cut off, and changes nothing where all is there already, but
    that images get the labels of further attributes that they lack, and contents whose file is
    missing get it back. Broken images and wrong names become samples with their reason. Raises
    vision.errors.VisionError where the path as a whole cannot be read, or nothing of it can be
    used, and whatever `on_progress` raises.
    """
    newest = dataset.samples.aggregate(newest=Max("pk"))["newest"] or 0
    with LabelledFiles(path) as labelled:
        tally = _bring_in(dataset, labelled, on_progress, lambda files: files)
        tally.add_unlisted(labelled.unlisted)
    if not tally.usable:
        _forget(dataset, newest)
        raise tally.as_error(path.name)
    _settle(dataset, on_progress)
    return tally


def bring_in(dataset: Dataset, labelled: Labelled, on_progress: Progress, hold: Hold) -> Tally:
    """Import files as `import_files` does, were it none that can be used.

    `hold` is asked within the transaction that writes rows which of its files may have one; what
    it gives has to stand until that ends.
    """
    tally = _bring_in(dataset, labelled, on_progress, hold)
    _settle(dataset, on_progress)
    return tally


def _settle(dataset: Dataset, on_progress: Progress) -> None:
    store_if_possible(on_progress)
    clean(dataset, on_progress)
    draw_all(dataset, on_progress)


def _bring_in(dataset: Dataset, labelled: Labelled, on_progress: Progress, hold: Hold) -> Tally:
    tally, done, total = Tally(), 0, len(labelled)
    on_progress("files", 0, total)
    for batch in _batches(labelled):
        _import_batch(dataset, batch, hold, tally)
        done += len(batch)
        on_progress("files", done, total)
    return tally


def _forget(dataset: Dataset, newest: int) -> None:
    """Delete what an import has added of which nothing is usable: the rows after a key.

    Where nothing in the dataset is usable, and nobody has worked on it, all are of such an import,
    one that was cut off and went on, for example.
    """
    useless = Q(reason__in=AT_FIRST_SIGHT, override=Override.NONE, annotations=None)
    added = dataset.samples.all()
    if dataset.samples.exclude(useless).exists():
        added = added.filter(pk__gt=newest)
    digests = set(added.order_by().values_list("digest", flat=True))
    added.delete()
    example_files.forget(digests - {""}, besides=dataset)


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


def _import_batch(dataset: Dataset, batch: list[LabelledFile], hold: Hold, tally: Tally) -> None:
    """Write a row for every file that is new or has changed."""
    known = {
        sample.name: sample
        for sample in dataset.samples.filter(name__in=[_name_of(file) for file in batch])
    }
    new: list[LabelledFile] = []
    further: dict[int, Labels] = {}
    put_back: list[str] = []
    for file in batch:
        sample = known.get(_name_of(file))
        if sample is None or _has_changed(file, sample):
            new.append(file)
            continue
        told = sample.reason if file.data else file.refusal or Reason.UNREADABLE
        tally.add(told, file.detail or file.name)
        if file.data and sample.digest and example_files.put(sample.digest, file.data):
            put_back.append(sample.digest)
        if lacking := _lacking(file, sample):
            further[sample.pk] = lacking
    tally.put_back += put_back_anew(put_back)
    tally.changed += _add_labels(further) if further else 0
    if new:
        _add_rows(dataset, new, known, hold, tally)


def _add_rows(
    dataset: Dataset,
    files: list[LabelledFile],
    known: Mapping[str, Sample],
    hold: Hold,
    tally: Tally,
) -> None:
    """Write the rows of files that are new or seem to have changed, beside the known rows."""
    with ThreadPoolExecutor(_THREADS) as pool:
        samples = list(pool.map(_sample_of, files))
        # First the contents: should nothing show one in the end, its file is found by that.
        keep(samples)
        list(pool.map(_store, files, samples))
        with transaction.atomic():
            held = {_name_of(file) for file in hold(files)}
            rows = [one for one in samples if one.name in held and not _is_known(one, known)]
            for sample in rows:
                sample.dataset = dataset
                # Copies are judged at the end; until then nothing without labels passes for usable.
                sample.reason = sample.found
            Sample.objects.bulk_create(
                # One row for each name, whatever the database makes of two.
                {sample.name: sample for sample in rows}.values(),
                update_conflicts=True,
                unique_fields=["dataset", "name"],
                update_fields=_FIELDS,
            )
        # Somebody may have deleted a dataset with the same contents before there was this row.
        list(pool.map(_store, files, samples))
    tally.changed += len(rows)
    for file, sample in zip(files, samples, strict=True):
        if sample.name in held:
            tally.add(sample.found, file.detail or file.name)


def _is_known(sample: Sample, known: Mapping[str, Sample]) -> bool:
    """Whether a file is unreadable, and its row says so already, or has what is better."""
    before = known.get(sample.name)
    if before is None or sample.digest:
        return False
    return bool(before.digest) or before.found == sample.found


def _name_of(file: LabelledFile) -> str:
    """What the row of a file is called; of very long paths the ends differ."""
    return file.name if len(file.name) <= _LONGEST_NAME else f"…{file.name[1 - _LONGEST_NAME :]}"


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
    if not sample.digest:  # nothing was kept of it; its reason may be gone, or another, by now
        return bool(file.data) or sample.found != (file.refusal or Reason.UNREADABLE)
    if not file.data:  # what was kept is better than nothing
        return False
    if sample.digest != hashlib.sha256(file.data).hexdigest() or sample.sender != file.sender:
        return True
    unlabelled = not set(SHIPPED) <= sample.labels.keys()
    return unlabelled and sample.found in AT_FIRST_SIGHT and sample.found != file.refusal


def _sample_of(file: LabelledFile) -> Sample:
    """The row of a file, unsaved; it has a digest where its content can be shown."""
    sample = Sample(name=_name_of(file), found=file.refusal, sender=file.sender)
    sample.labels = file.labels or {}
    try:
        facts = inspect(file.data) if file.data else None
    except PhotoError as error:
        logger.info("%s: %s", file.name, error)
        facts = None
    if facts is None:
        sample.found = sample.found or Reason.UNREADABLE
        return sample
    _describe(sample, facts)
    sample.digest = hashlib.sha256(file.data).hexdigest()
    md5 = hashlib.md5(file.data, usedforsecurity=False).hexdigest()
    sample.bucket = int(md5, 16) % 20
    return sample


def _store(file: LabelledFile, sample: Sample) -> None:
    if sample.digest:
        example_files.put(sample.digest, file.data)


def _describe(sample: Sample, facts: Facts) -> None:
    sample.width, sample.height = facts.width, facts.height
    sample.brightness, sample.sharpness = facts.brightness, facts.sharpness
    sample.perceptual_hash = f"{facts.perceptual_hash:016x}"
