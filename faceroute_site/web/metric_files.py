"""The files through which the web processes add up their counters (prometheus_client's own).

They are mapped into memory, where a disk that is full ends the process that counts (SIGBUS). So
each has its room from the start, or the process counts in its own memory alone. A process that
takes the place of another counts on in its files, so there are no more of them than processes.
"""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder to prometheus_client, which looks when it is imported."""

# Bytes of room, by kind of metric: what all views, methods and statuses come to, some times over.
_ROOM = {"counter": 2**20, "histogram": 2**21}
_LOCK = "lock"


@contextmanager
def folder_below(root: Path) -> Iterator[None]:
    """Inside the block the processes that this one starts count in a folder of their own.

    What servers that are gone have left is removed.
    """
    root.mkdir(parents=True, exist_ok=True)
    for left in root.iterdir():
        _remove_unless_used(left)
    folder = Path(tempfile.mkdtemp(dir=root))
    lock = _locked(folder / _LOCK)
    os.environ[VARIABLE] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def count_in_them() -> None:
    """Have this process count there; to be called before prometheus_client is imported."""
    if VARIABLE not in os.environ:
        return
    try:
        place = _take_place(Path(os.environ[VARIABLE]))
    except OSError as error:
        logger.warning("This process counts alone, and /metrics tells its counts only: %s", error)
        del os.environ[VARIABLE]
        return
    from prometheus_client import values

    values.ValueClass = values.MultiProcessValue(  # type: ignore[no-untyped-call]
        lambda: place
    )


def _take_place(folder: Path) -> int:
    """The number of the first place that no process has; it is held until this one ends."""
    place = 0
    while _locked(folder / f"{place}.{_LOCK}") is None:
        place += 1
    for kind, room in _ROOM.items():
        _make_room(folder / f"{kind}_{place}.db", room)
    return place


def _make_room(path: Path, room: int) -> None:
    try:
        with path.open("ab") as file:
            file.write(bytes(max(0, room - file.tell())))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock of a file; None where another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_unless_used(folder: Path) -> None:
    try:
        lock = _locked(folder / _LOCK)
    except OSError:  # another server has removed it
        return
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
