"""A beat beside long work that tells others it is alive."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

logger = logging.getLogger(__name__)


@contextmanager
def pulse(beat: Callable[[], None], seconds: float, *, at_once: bool = False) -> Iterator[None]:
    """Call `beat` every `seconds`, from a thread with its own database connection, until the
    block is left; the first time after as long, or `at_once`.

    A beat the database refuses is logged and made up for by the next.
    """
    left = threading.Event()
    first = 0.0 if at_once else seconds
    thread = threading.Thread(target=_beat_until, args=(left, beat, first, seconds), daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


def _beat_until(
    left: threading.Event, beat: Callable[[], None], pause: float, seconds: float
) -> None:
    try:
        while not left.wait(pause):
            pause = seconds
            try:
                beat()
            except Error as error:
                logger.warning("A sign of life could not be written: %s", error)
                connection.close()
    finally:
        connection.close()
