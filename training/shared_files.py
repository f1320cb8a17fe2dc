"""Files that every machine works with, in the storage that photos are in, named by their SHA-256.

Where photos lie in a folder, the data folder beside them is that place already: nothing is put
anywhere and nothing fetched, so that nothing is stored twice. Elsewhere the data folder holds this
machine's copies.

An object is trusted by its checksum alone, so that one that is half-written is as good as none.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage

from training.messages import TrainingError
from vision.durable_files import flush, sync_folder

MODELS, DATASETS = "models", "datasets"

_CHUNK = 2**20


class StorageSilent(TrainingError):
    """What files are kept in does not answer, or takes none."""

    code = "storage_silent"


class FileLost(Exception):
    """The storage has no such file, or one that is not what its name says."""


def are_elsewhere() -> bool:
    """Whether there is a storage beside the data folder."""
    try:
        default_storage.path("")
    except NotImplementedError:
        return True
    return False


def put(place: str, digest: str, content: "File[Any]") -> None:
    """Keep a content of this digest, unless it is there. Raises StorageSilent."""
    name = name_of(place, digest)
    with _silence_in_words():
        if (size := _size(name)) == content.size:
            return
        if size is not None:  # a part, as some storages keep of a writer that was killed
            default_storage.delete(name)
        if (kept := default_storage.save(name, content)) != name:  # somebody was faster
            default_storage.delete(kept)


def fetch(place: str, digest: str, target: Path) -> None:
    """Write a content to a file that appears whole and verified, or not at all.

    Raises FileLost, StorageSilent and OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=".", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _copy(name_of(place, digest), file, digest)
            flush(file)
        Path(unfinished).replace(target)
        sync_folder(target.parent)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def name_of(place: str, digest: str) -> str:
    return f"{place}/{digest}"


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(name: str, target: IO[bytes], digest: str) -> None:
    found = hashlib.sha256()
    for chunk in _chunks(name):
        found.update(chunk)
        target.write(chunk)
    if found.hexdigest() != digest:
        raise FileLost(name)


def _chunks(name: str) -> Iterator[bytes]:
    try:
        with _silence_in_words(), default_storage.open(name) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        raise FileLost(name) from None


def _size(name: str) -> int | None:
    try:
        return int(default_storage.size(name))
    except FileNotFoundError:
        return None


@contextmanager
def _silence_in_words() -> Iterator[None]:
    """Raises StorageSilent for whatever errors the client library of a storage has."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise StorageSilent from error
