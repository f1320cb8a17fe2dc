"""What a machine does by itself for the files that all machines share, beside its other work.

Nobody else can: what only this machine has is known to no other.
"""

import fcntl
import logging
import threading
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

from training import shared_files
from training.registry.stored_bundles import store_waiting
from training.shared_files import StorageSilent

logger = logging.getLogger(__name__)

_EVERY = 60.0  # seconds


class Tending:
    """Does it again and again from `start` to `stop`, in a thread that nobody waits for: cut off
    anywhere, it does the rest the next time."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def start(self) -> None:
        if shared_files.are_elsewhere():
            threading.Thread(target=self._run, name="shared files", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                tend()
            except (Error, StorageSilent, OSError) as error:
                logger.warning("Files wait to be stored: %s", error.__cause__ or error)
            except Exception:
                logger.exception("Storing files failed.")
            connection.close()
            self._stopping.wait(_EVERY)


def tend() -> None:
    """Store what only this machine has, unless another of its processes is at it."""
    lock: Path = settings.DATA_DIR / "storing.lock"
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if count := store_waiting():
            logger.info("%d model versions are stored now.", count)
