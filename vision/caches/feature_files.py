"""How the features of images lie on disk, for whoever handles them without a backbone.

See `vision.caches.rows`; a store of features has a lock beside its folder.
"""

import fcntl
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import isqrt
from pathlib import Path
from typing import BinaryIO

from vision.durable_files import flush
from vision.errors import VisionError

from .rows import ENTRY

LOCK = ".lock"


class FeaturesBusy(VisionError):
    """Another run writes features at this moment."""

    code = "features_busy"


@contextmanager
def locked(file: Path, kind: int) -> Iterator[Path]:
    """Hold a lock that ends with the process, whatever way that ends. Raises FeaturesBusy."""
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FeaturesBusy() from None
        yield file


def forget(cache: Path, digests: Collection[str]) -> bool:
    """Delete the features of contents, by their SHA-256, from every store of a cache.

    False where a store could not be looked into, because somebody has it open.
    """
    contents = {bytes.fromhex(digest) for digest in digests}
    reached = True
    for lock in cache.glob(f"*{LOCK}"):
        try:
            with locked(lock, fcntl.LOCK_EX):
                _forget(lock.with_suffix(""), contents)
        except FeaturesBusy:
            reached = False
    return reached


def _forget(folder: Path, contents: Collection[bytes]) -> None:
    index, rows = folder / "index", folder / "rows"
    if not (index.exists() and rows.exists()):
        return
    entries = index.read_bytes()
    count = len(entries) // ENTRY
    found = [n for n in range(count) if entries[ENTRY * n : ENTRY * (n + 1) - 1] in contents]
    if not found:
        return
    row_bytes, more = divmod(rows.stat().st_size, count)
    if more or not _is_row(row_bytes):  # cut off while it grew: cheaper to compute than to mend
        shutil.rmtree(folder)
        return
    with index.open("r+b") as names, rows.open("r+b") as values:
        _fill_gaps(names, values, row_bytes, count, found)


def _is_row(row_bytes: int) -> bool:
    """Whether a row may be of this size: float16 of (s, s, 512)."""
    return isqrt(row_bytes // 1024) ** 2 * 1024 == row_bytes


def _fill_gaps(
    names: BinaryIO, values: BinaryIO, row_bytes: int, count: int, gaps: list[int]
) -> None:
    """Put the last row in the place of each that goes, first the row and then its entry: cut off
    in between, what goes is named still, and the next time finds it."""
    files = ((values, row_bytes), (names, ENTRY))
    for gap in reversed(gaps):  # from behind, so that the last row is never one that goes
        count -= 1
        for file, size in files:
            file.seek(size * count)
            last = file.read(size)
            file.seek(size * gap)
            file.write(last)
            flush(file)
    for file, size in reversed(files):
        file.truncate(size * count)
        flush(file)
