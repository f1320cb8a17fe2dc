"""A beat beside long work that tells others it is alive."""

import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

logger = logging.getLogger(__name__)


@contextmanager
def pulse(beat: Callable[[], None], seconds: float, *, longest: float = math.inf) -> Iterator[None]:
    """Call `beat` every `seconds`, from a thread with its own database connection, until the
    block is left. A beat the database refuses is logged and made up for by the next.

    Work that takes more than `longest` seconds hangs: its process is killed, so that another one
    takes its place, and what it held is found as that of any lost worker.
    """
    left = threading.Event()
    deadline = time.monotonic() + longest
    thread = threading.Thread(target=_beat_until, args=(left, beat, seconds, deadline), daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


def _beat_until(
    left: threading.Event, beat: Callable[[], None], seconds: float, deadline: float
) -> None:
    try:
        while not left.wait(min(seconds, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                _die()
            try:
                beat()
            except Error as error:
                logger.warning("A sign of life could not be written: %s", error)
                connection.close()
    finally:
        connection.close()


def _die() -> None:
    logger.critical("The work takes longer than it ever should; its process ends.")
    os.kill(os.getpid(), signal.SIGKILL)
