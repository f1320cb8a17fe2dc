"""What a machine does by itself for the files that all machines share, beside its other work.

Nobody else can: what only this machine has is known to no other.
"""

import fcntl
import logging
import threading
import time
from itertools import count
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

from training import shared_files
from training.registry import stored_bundles
from training.shared_files import StorageSilent

from . import corrections, stored_contents
from .example_files import SETTLED

logger = logging.getLogger(__name__)

_EVERY = 60.0  # seconds
_ROUNDS = 60  # between two looks for copies that nothing needs


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
        for number in count():
            if self._stopping.is_set():
                return
            try:
                tend(forget=number % _ROUNDS == 0)
            except (Error, StorageSilent, OSError) as error:
                logger.warning("Files wait to be stored: %s", error.__cause__ or error)
            except Exception:
                logger.exception("Storing files failed.")
            connection.close()
            self._stopping.wait(_EVERY)


def tend(*, forget: bool) -> None:
    """Store what only this machine has, and delete copies that nothing needs any more where that
    is due (`forget`), unless another process of this machine is at it."""
    lock: Path = settings.DATA_DIR / "storing.lock"
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if stored := stored_bundles.store_waiting():
            logger.info("%d model versions are stored now.", stored)
        if stored := stored_contents.store_waiting():
            logger.info("%d images are stored now.", stored)
        if forget:
            _forget_unfinished()
            corrections.forget_withdrawn_here()
            if deleted := stored_contents.forget_copies():
                logger.info("Deleted %d copies of images that nothing shows.", deleted)


def _forget_unfinished() -> None:
    """Delete what was being fetched by processes that were killed; nothing takes an hour."""
    before = time.time() - SETTLED
    for root in (settings.MODEL_ROOT, settings.DATASET_ROOT):
        for path in root.glob("*/.*"):
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
