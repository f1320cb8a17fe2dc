"""A thread that looks for work in the database, beside Celery's own loop."""

import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connection

from .inference import DATABASE_AWAY

logger = logging.getLogger(__name__)


class LookingThread:
    """Calls `look` again and again, from `start` until `stopping` is set; whatever it raises is
    logged, and it goes on."""

    def __init__(
        self, name: str, look: Callable[[], None], *, pause: float, pause_in_trouble: float
    ) -> None:
        """`pause`: seconds between two looks. `pause_in_trouble`: so that a database that is away
        fills no log."""
        self.stopping = threading.Event()
        self.pause, self.pause_in_trouble = pause, pause_in_trouble
        self._name, self._look = name, look
        self._look_now = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look_now(self) -> None:
        """Have it look at once, if it pauses; returns at once."""
        self._look_now.set()

    def stop(self) -> None:
        """Return once the look at hand is over, which may heed `stopping`."""
        self.stopping.set()
        self._look_now.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._look_now.clear()
            pause = self.pause
            try:
                close_old_connections()
                self._look()
            except Exception as error:
                pause = self.pause_in_trouble
                away = isinstance(error, DATABASE_AWAY)
                logger.error("The %s failed: %s", self._name, error, exc_info=not away)
                connection.close()
            self._look_now.wait(pause)
        connection.close()
