"""Backing up: the database as it is at one moment, then the files that it names."""

import fcntl
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from vision.diskspace import free_bytes, full_disk_in_words, in_words, used_bytes
from vision.durable_files import sync_folder

from . import files
from .about import describe
from .archive import ABOUT, DATABASE, MEDIA, MISSING, SECRET_KEY, ArchiveWriter, BackupError
from .snapshots import Bytes, OnProgress, engine

_SPARE = 100 * 2**20  # bytes that the rest of the site may need meanwhile


@dataclass
class Saved:
    """What a backup holds: files by the folder that they are in.

    `deleted`: how many files went with their rows while it was made. `lost`: files that were not
    there although their rows are.
    """

    path: Path
    files: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    lost: list[str] = field(default_factory=list)
    secret_key: bool = False

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size


def back_up(path: Path, *, media: bool, on_progress: OnProgress) -> Saved:
    """Write the site as it is now to a file that appears when it is whole; it may be in use.

    A row is committed after the files that it names are written; so whatever the database says,
    once it is copied, is there to be copied after it, except what is deleted meanwhile.
    Raises BackupError and DiskFull.
    """
    if path.exists():
        raise BackupError(f"There is a file at {path} already. Please name another.")
    _check_room(path.parent, media=media)
    saved = Saved(path)
    with (
        full_disk_in_words(),
        _appearing(path) as file,
        tempfile.TemporaryFile(dir=path.parent) as names,
        ArchiveWriter(file, path.parent) as archive,
    ):
        count = _save_database(archive, path, names, media=media, on_progress=on_progress)
        if key := files.own_secret_key():
            archive.add_bytes(SECRET_KEY, key.read_bytes())
            saved.secret_key = True
        missing = _save_files(archive, _lines(names), saved.files, count, on_progress)
        archive.add_bytes(MISSING, "".join(f"{name}\n" for name in missing).encode())
    # What its row still stands for was not deleted.
    named = files.named_files("default", media=media) if missing else ()
    saved.lost = sorted(set(missing) & set(named))
    saved.deleted = len(missing) - len(saved.lost)
    return saved


def _save_database(
    archive: ArchiveWriter, path: Path, names: IO[bytes], *, media: bool, on_progress: OnProgress
) -> int:
    """Write the database, and the names of the files that belong to it to a file of their own;
    how many these are."""
    count = copied = 0

    def seen(chunk: Bytes) -> Bytes:
        nonlocal copied
        copied += len(chunk)
        on_progress("database", min(copied, snapshot.size), snapshot.size)
        return chunk

    with engine().snapshot(path.with_name(f"{path.name}.unfinished-database")) as snapshot:
        about = describe(snapshot.alias, media=media)
        if not about["migrations"]:
            raise BackupError("There is no database to back up yet; `make run` makes one.")
        archive.add_bytes(ABOUT, json.dumps(about).encode())
        for name, chunks in snapshot.streams:
            archive.add_stream(f"{DATABASE}/{name}", map(seen, chunks))
        for name in files.named_files(snapshot.alias, media=media):
            names.write(f"{name}\n".encode())
            count += 1
    return count


def _save_files(
    archive: ArchiveWriter,
    names: Iterator[str],
    counts: Counter[str],
    total: int,
    on_progress: OnProgress,
) -> list[str]:
    """Write the files of these names; returns those that are not there."""
    missing = []
    for done, name in enumerate(names):
        on_progress("files", done, total)
        try:
            source = files.open_named(name)
        except FileNotFoundError:
            missing.append(name)
            continue
        with source.file:
            archive.add(name, source.file, source.size)
        counts[name.split("/")[0]] += 1
    on_progress("files", total, total)
    return missing


def _lines(file: IO[bytes]) -> Iterator[str]:
    file.seek(0)
    return (line.decode().removesuffix("\n") for line in file)


def _check_room(folder: Path, *, media: bool) -> None:
    """Raises BackupError where a disk has less room than a backup will take."""
    if not folder.is_dir():
        raise BackupError(f"There is no folder {folder}. Please make it, or name another.")
    places = files.folders()
    if not media:
        places.pop(MEDIA, None)
    needed = engine().size() + sum(map(used_bytes, places.values())) + _SPARE
    if (free := free_bytes(folder)) < needed:
        raise BackupError(
            f"The backup needs up to {in_words(needed)} and {folder} has {in_words(free)} left. "
            "Please make room, or name a file on another disk."
        )


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file for this user alone, at its path when the block has ended well, and not before.

    One that a killed process has left half-way is written anew. Raises BackupError where another
    process writes it.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        _take(file, unfinished)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.rename(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def _take(file: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it before may have given it its name in between.
        taken = not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat())
    except BlockingIOError:
        taken = True
    if taken:
        raise BackupError(f"Another backup is writing {path}. Please name another file.")
    os.fchmod(file.fileno(), 0o600)
    file.truncate(0)
