"""Where the images of datasets lie: once per content, under its SHA-256."""

import hashlib
import math
import os
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from django.conf import settings

from training.models import Dataset, ExamImage, ImportRun, JobState, Sample
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Example

# An import writes files a moment before their rows; nothing takes an hour to do so.
SETTLED = 3600  # seconds
_CHUNK = 500  # no database takes any number of parameters


def path_of(digest: str) -> Path:
    """The file of a content, whether it is there or not."""
    root: Path = settings.DATASET_ROOT
    return root / digest[:2] / digest


def keep(data: bytes) -> str:
    """Store a content once; its SHA-256 in hexadecimal."""
    digest = hashlib.sha256(data).hexdigest()
    put(digest, data)
    return digest


def put(digest: str, data: bytes) -> bool:
    """Store a content of this digest; whether its file was missing. One is there whole or not at
    all, and counts as new: whoever deletes files lets it be until it has a row."""
    path = path_of(digest)
    try:
        if path.stat().st_size == len(data):
            os.utime(path)
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    Path(unfinished).replace(path)
    return True


def forget(digests: Collection[str], *, besides: Dataset | None = None) -> int:
    """Delete the files of those contents that nothing shows any more; how many there were.

    While an import goes on, into any dataset but `besides`, what is newer than an hour stays: its
    row may not be committed yet. `manage.py check_files` finds it later.
    """
    running = ImportRun.objects.filter(state=JobState.RUNNING).exclude(dataset=besides)
    before = time.time() - SETTLED if running.exists() else math.inf
    return sum(_forget_unused(chunk, before) for chunk in _chunks(map(path_of, digests)))


def orphans() -> Iterator[Path]:
    """The files that nothing shows, older than an hour: no row of theirs is still to come."""
    root: Path = settings.DATASET_ROOT
    before = time.time() - SETTLED
    for chunk in _chunks(file for file in root.glob("??/*") if file.is_file()):
        yield from (file for file in _unused(chunk) if file.stat().st_mtime < before)


def forget_orphans() -> int:
    """Delete the files of `orphans`; how many there were."""
    return sum(_forget_unused(chunk, time.time() - SETTLED) for chunk in _chunks(orphans()))


def _unused(files: Sequence[Path]) -> list[Path]:
    """Those of files whose contents neither a dataset nor an exam shows."""
    names = [file.name for file in files]
    shown = Sample.objects.filter(digest__in=names).values_list("digest", flat=True)
    examined = ExamImage.objects.filter(digest__in=names).values_list("digest", flat=True)
    used = {*shown, *examined}
    return [file for file in files if file.name not in used]


def _forget_unused(files: Sequence[Path], before: float) -> int:
    """Delete those of files that are unused and were last touched before a time."""
    deleted = 0
    for file in _unused(files):
        with suppress(FileNotFoundError):
            # An import may have touched it since the database was asked.
            if file.stat().st_mtime < before:
                file.unlink()
                deleted += 1
    return deleted


def _chunks(files: Iterable[Path]) -> Iterator[list[Path]]:
    remaining = iter(files)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


class ExampleFiles:
    """Examples as files, named by their digests, read anew whenever they are gone through.

    A file that is gone is empty, and so as unreadable as a broken one.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __iter__(self) -> Iterator[LabelledFile]:
        for example in self._examples:
            data = example.path.read_bytes() if example.path.is_file() else b""
            yield LabelledFile(example.digest, data, example.labels)
