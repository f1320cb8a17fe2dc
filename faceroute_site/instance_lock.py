"""One run of the site on a data directory at a time."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

_STOPPING = 30.0  # seconds the processes of a run that was killed may take to be gone


class AlreadyRunning(Exception):
    """Processes of another run use the data directory; the message says what to do."""


@contextlib.contextmanager
def instance_lock(data_dir: Path) -> Iterator[int]:
    """Holds the data directory inside the block; gives the file descriptor of the lock.

    The lock lasts as long as any process that has the descriptor open: if this process is
    killed, until the last of those it has started is gone. Raises AlreadyRunning.
    """
    path = data_dir / "serve.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, path)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    deadline = time.monotonic() + _STOPPING
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        holder = int(os.pread(lock, 20, 0) or 0)
        if _is_alive(holder):
            raise AlreadyRunning(
                f"FaceRoute runs here already (process {holder}). Stop it first, or give this "
                "run a data directory of its own with FACEROUTE_DATA_DIR."
            )
        if time.monotonic() > deadline:
            raise AlreadyRunning(
                "Processes of an earlier run, which was killed, are still there. End them; "
                f"this command lists them: lsof '{path}'"
            )
        time.sleep(0.2)


def _is_alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
