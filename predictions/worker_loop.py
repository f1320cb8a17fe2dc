"""The thread of a worker process that looks for photos, beside Celery's own loop.

It asks nobody but the database, so that photos are taken up within a second whatever state Redis is
in. A message only has it look at once.
"""

import logging
import threading

from django.db import close_old_connections, connection

from .claims import anything_waits
from .draining import Drain, return_lost
from .inference import DATABASE_AWAY
from .model_server import ModelServer

logger = logging.getLogger(__name__)

_PAUSE = 0.5  # seconds between two looks
_PAUSE_IN_TROUBLE = 2.0  # so that a database that is away fills no log


class WorkerLoop:
    """Looks and works in a thread of its own from `start` to `stop`."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._stopping = threading.Event()
        self._look_now = threading.Event()
        self._drain = Drain(server, self._stopping)
        self._thread = threading.Thread(target=self._run, name="worker loop", daemon=True)

    @property
    def served(self) -> int:
        """How many photos it has worked through."""
        return self._drain.served

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Look now, if it is idle; returns at once."""
        self._look_now.set()

    def stop(self) -> None:
        """Return once the batch at hand is done and what was read ahead is back in the queue."""
        self._stopping.set()
        self._look_now.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._look_now.clear()
            pause = _PAUSE
            try:
                self._look()
            except Exception as error:
                pause = _PAUSE_IN_TROUBLE
                away = isinstance(error, DATABASE_AWAY)
                logger.error("Looking for photos failed: %s", error, exc_info=not away)
                connection.close()
            self._look_now.wait(pause)
        connection.close()

    def _look(self) -> None:
        close_old_connections()
        if anything_waits() or self._found_lost():
            self._drain.run()

    def _found_lost(self) -> bool:
        """Whether what others have lost waits now; asked where nothing else does.

        A newly activated version is loaded meanwhile, and what cannot be served left to others.
        """
        return self._server.current() is not None and return_lost() > 0
