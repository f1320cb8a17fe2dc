"""A disk that is full, said in words."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import VisionError

_FULL = {errno.ENOSPC, errno.EDQUOT}


class DiskFull(VisionError):
    """There is less room on the disk than the work needs."""

    code = "disk_full"


def is_full(error: OSError) -> bool:
    """Whether it is a disk, or a quota, that ran out."""
    return error.errno in _FULL


@contextmanager
def full_disk_in_words() -> Iterator[None]:
    """Raises DiskFull where the disk, or a quota, runs out while writing."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull() from error
        raise


def free_bytes(folder: Path) -> int:
    """What may still be written to the disk an existing folder is on."""
    return shutil.disk_usage(folder).free


def used_bytes(folder: Path) -> int:
    """What the files below a folder hold; 0 where it does not exist. Some may go meanwhile."""
    total = 0
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(parent) / name).stat().st_size
    return total


def in_words(count: int) -> str:
    """Bytes as people write them."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
