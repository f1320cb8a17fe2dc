"""Import runs: who may import what, and the work itself."""

import os
import shutil
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.utils.text import get_valid_filename

from training.jobs import lifecycle
from training.jobs.lifecycle import JobRefused, OnProgress, Reporter
from training.messages import TrainingError
from training.models import Dataset, ImportRun, Job, JobKind
from training.models.datasets import LONGEST_NAME, dataset_name
from vision.data.label_tables import SUFFIXES
from vision.errors import VisionError
from vision.messages import Message

from . import corrections, face_search, tallies
from .importing import clean, import_files

# An archive and its files need room twice over; the rest of the site needs some too.
_SPARE_BYTES = 200 * 2**20


class ImportRefused(TrainingError):
    """The path may not be imported, or an import into the dataset is under way."""

    code = "import_refused"


def request_import(dataset: str, path: Path, *, detect_faces: bool, user: Any) -> ImportRun:
    """Queue the import of a path below IMPORT_ROOT into a dataset, made if it is new.

    Raises ImportRefused.
    """
    root: Path = settings.IMPORT_ROOT
    # A link that the operator has put there may lead elsewhere; a path that climbs out may not.
    path = Path(os.path.normpath(root / path))
    if not path.is_relative_to(root) or not path.exists():
        raise ImportRefused("path")
    return _request(dataset, path=str(path), detect_faces=detect_faces, requested_by=user)


def request_corrections(dataset: str, user: Any) -> ImportRun:
    """Queue bringing all corrections that stand into a dataset, made if it is new.

    Raises ImportRefused.
    """
    return _request(dataset, of_corrections=True, requested_by=user)


def _request(dataset: str, **wanted: Any) -> ImportRun:
    with transaction.atomic():
        target = _dataset_called(dataset)
        try:
            run = lifecycle.create(ImportRun, dataset=target, **wanted)
        except JobRefused as refused:
            raise ImportRefused("busy") from refused
        lifecycle.enqueue(run)
    return run


def import_now(dataset: str, on_progress: OnProgress, **wanted: Any) -> ImportRun:
    """Do an import in this process, when it is its turn; how it ended. Raises ImportRefused."""
    target = _dataset_called(dataset)
    run = lifecycle.create_in_turn(ImportRun, on_progress, dataset=target, **wanted)
    return lifecycle.run_now(run, partial(_import, run), on_progress)


def _dataset_called(name: str) -> Dataset:
    """The dataset of a name, made if it is new. Raises ImportRefused for what is no name."""
    try:
        known = Dataset.objects.filter(name=name).first()
        return known or Dataset.objects.get_or_create(name=dataset_name(name))[0]
    except ValidationError:
        raise ImportRefused("name", longest=LONGEST_NAME) from None


def keep_upload(upload: "UploadedFile[Any]") -> Path:
    """Store an uploaded archive in the import folder, beside what is there; its path.

    Raises ImportRefused where the disk has no room for it and for what it holds.
    """
    root: Path = settings.IMPORT_ROOT
    root.mkdir(parents=True, exist_ok=True)
    size = upload.size or 0
    if shutil.disk_usage(root).free < 2 * size + _SPARE_BYTES:
        raise ImportRefused("disk")
    target = _free_name(root / get_valid_filename(Path(upload.name or "upload.zip").name))
    unfinished = target.with_name(f".{target.name}.part")
    with unfinished.open("wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
    unfinished.replace(target)
    return target


def _free_name(wanted: Path) -> Path:
    """The path, or one like it that does not exist: an archive may be in use."""
    names = (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
    return next(path for path in chain([wanted], names) if not path.exists())


def importable() -> list[Path]:
    """What lies in the import folder: folders, zips and label files, relative to it."""
    root: Path = settings.IMPORT_ROOT
    if not root.is_dir():
        return []
    entries = (entry for entry in root.iterdir() if not entry.name.startswith("."))
    return sorted(
        entry.relative_to(root)
        for entry in entries
        if entry.is_dir() or entry.suffix.lower() in {".zip", *SUFFIXES}
    )


def not_used(run: ImportRun) -> list[dict[str, Any]]:
    """The files that an import could not use: a list of {reason, count, examples}."""
    return tallies.not_used(
        Message.from_json({"code": run.message_code, "parameters": run.message_parameters})
    )


def work(pk: int) -> None:
    """Do an import that waits, if it still does."""
    if run := lifecycle.take(ImportRun, pk):
        lifecycle.execute(run, partial(_import, run))


def _import(run: ImportRun, reporter: Reporter) -> Message:
    try:
        if run.of_corrections:
            tally = corrections.add(run.own_dataset, reporter)
        else:
            tally = import_files(run.own_dataset, Path(run.path), reporter)
    except VisionError:
        _forget_if_empty(run)
        raise
    if run.detect_faces and face_search.look_for_faces(run.own_dataset, reporter):
        clean(run.own_dataset, reporter)
    return tally.as_message(total=run.own_dataset.samples.count())


def _forget_if_empty(run: ImportRun) -> None:
    """Delete the dataset of an import that failed, where nothing ever came into it. Its imports,
    none of which did anything, stay without it."""
    dataset = run.own_dataset
    jobs = Job.objects.filter(dataset=dataset)
    failed = Q(kind=JobKind.IMPORT, state__in=lifecycle.RESUMABLE) | Q(pk=run.pk)
    if dataset.samples.exists() or jobs.exclude(failed).exists():
        return
    with transaction.atomic():
        jobs.update(dataset=None)
        dataset.delete()
