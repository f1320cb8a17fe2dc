"""Import runs: who may import what, and the work itself."""

import os
import shutil
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.text import get_valid_filename

from training.jobs import lifecycle
from training.jobs.lifecycle import Reporter
from training.messages import TrainingError
from training.models import Dataset, ImportRun, RunState
from vision.messages import Message

from . import corrections, face_search
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
        target, _new = Dataset.objects.select_for_update().get_or_create(name=dataset)
        if target.imports.filter(state__in=[RunState.QUEUED, RunState.RUNNING]).exists():
            raise ImportRefused("busy")
        run = ImportRun.objects.create(dataset=target, **wanted)
        lifecycle.start(run)
    return run


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
    """What lies in the import folder: folders, zips and CSV files, relative to it."""
    root: Path = settings.IMPORT_ROOT
    if not root.is_dir():
        return []
    entries = (entry for entry in root.iterdir() if not entry.name.startswith("."))
    return sorted(
        entry.relative_to(root)
        for entry in entries
        if entry.is_dir() or entry.suffix.lower() in {".zip", ".csv"}
    )


def work(pk: int) -> None:
    """Do an import that waits, if it still does."""
    if run := lifecycle.hold(ImportRun, pk):
        execute(run)


def execute(run: ImportRun, on_progress: Callable[[str, int, int], None] | None = None) -> RunState:
    """Do the import of a held run and record how it ended."""
    return lifecycle.execute(run, lambda reporter: _import(run, reporter), on_progress)


def _import(run: ImportRun, reporter: Reporter) -> Message:
    if run.of_corrections:
        changed = corrections.add(run.dataset, reporter)
    else:
        changed = import_files(run.dataset, Path(run.path), reporter)
    if run.detect_faces and face_search.look_for_faces(run.dataset, reporter):
        clean(run.dataset, reporter)
    total = run.dataset.samples.count()
    return Message("imported", {"changed": changed, "total": total})
