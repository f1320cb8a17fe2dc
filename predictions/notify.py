"""Telling an idle worker to look into the database now. It would look by itself a moment later."""

import logging
import threading

from celery import current_app
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

QUEUE = "inference"
_TROUBLES = (KombuError, RedisError, OSError)


class Nudger:
    """Sends workers a message from a thread of its own, so that nobody waits for Redis.

    While one is being sent, however long Redis takes, further ones are one.
    """

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._answers = True

    def nudge(self) -> None:
        """Have a message sent; returns at once and never raises."""
        self._wanted.set()
        with self._starting:  # in the process that sends: threads do not survive a fork
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="nudger", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._send()

    def _send(self) -> None:
        try:
            current_app.send_task("predictions.tasks.look", retry=False)
        except _TROUBLES as error:
            if self._answers:
                logger.warning("Redis does not answer; workers look by themselves: %s", error)
            self._answers = False
        else:
            self._answers = True


nudge = Nudger().nudge
