"""The thread of a worker process that unpacks zips, beside Celery's own loop.

It asks nobody but the database, as the loop for photos does, and waits for no import of hours that
the process is at.
"""

import logging
import threading

from django.db import close_old_connections, connection

from predictions.inference import DATABASE_AWAY

from .unpacking import take, unpack

logger = logging.getLogger(__name__)

_PAUSE = 1.0  # seconds between two looks
_PAUSE_IN_TROUBLE = 5.0  # so that a database that is away fills no log


class UnpackLoop:
    """Looks and works in a thread of its own from `start` to `stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unpack loop", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return once the file at hand is through; the rest of the zip is left to others."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = _PAUSE
            try:
                self._look()
            except Exception as error:
                pause = _PAUSE_IN_TROUBLE
                away = isinstance(error, DATABASE_AWAY)
                logger.error("Unpacking failed: %s", error, exc_info=not away)
                connection.close()
            self._stopping.wait(pause)
        connection.close()

    def _look(self) -> None:
        close_old_connections()
        while not self._stopping.is_set() and (archive := take()):
            unpack(archive, self._stopping)
