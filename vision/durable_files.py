"""Files that are on the disk, not only on their way there."""

import os
from pathlib import Path
from typing import BinaryIO


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(content)
        flush(file)


def replace_durably(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, in place of what was there."""
    unfinished = path.with_suffix(".unfinished")
    try:
        write_durably(unfinished, content)
        unfinished.replace(path)
    except OSError:  # there may be just the room for saying so
        unfinished.unlink(missing_ok=True)
        raise


def flush(file: BinaryIO) -> None:
    """What was written to an open file is on the disk when this returns."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Names that were given in a folder are on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
