"""SQLite: the file itself, copied by SQLite inside one read transaction."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from vision.diskspace import full_disk_in_words
from vision.durable_files import sync_folder

from .archive import BackupError, read_stream
from .snapshots import OnProgress, Snapshot, Stream, second_connection

STREAM = "db.sqlite3"
_CHUNK = 2**20
_BESIDE = ("-wal", "-shm", "-log")


def size() -> int:
    path = _path()
    return 2 * path.stat().st_size if path.exists() else 0  # a copy, and what it is packed to


@contextmanager
def snapshot(scratch: Path) -> Iterator[Snapshot]:
    """A copy of the file. Writers go on meanwhile: with a write-ahead log no reader stops them."""
    _forget(scratch)
    os.close(os.open(scratch, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        with full_disk_in_words():
            _copy(_path(), scratch)
        with second_connection(NAME=str(scratch), OPTIONS={}) as alias:
            yield Snapshot(alias, iter([_stream(scratch)]), scratch.stat().st_size)
    finally:
        _forget(scratch)


def load(folder: Path, _about: dict[str, Any], on_progress: OnProgress) -> list[str]:
    connection.close()
    path = _path()
    unfinished = path.with_name(f"{path.name}.unfinished")
    _forget(unfinished)
    with full_disk_in_words(), unfinished.open("xb") as file:
        unfinished.chmod(0o600)
        for piece in read_stream(folder / STREAM):
            file.write(piece)
            on_progress("database", 0, 0)
        file.flush()
        os.fsync(file.fileno())
    _forget(path)  # a log that an earlier database left would be taken for this one's
    unfinished.replace(path)
    sync_folder(path.parent)
    return []


def _copy(source: Path, target: Path) -> None:
    # The transaction holds the source still: SQLite begins a copy anew whenever another
    # connection has written, and a busy site always writes.
    with (
        closing(sqlite3.connect(source, isolation_level=None)) as reader,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        try:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reader.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it
        except sqlite3.OperationalError as error:
            raise BackupError(f"The database cannot be copied: {error}.") from error


def _stream(copy: Path) -> Stream:
    def chunks() -> Iterator[bytes]:
        with copy.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    return STREAM, chunks()


def _forget(path: Path) -> None:
    for one in (path, *(path.with_name(path.name + end) for end in _BESIDE)):
        one.unlink(missing_ok=True)


def _path() -> Path:
    return Path(connection.settings_dict["NAME"])
