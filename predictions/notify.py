"""Telling others by Redis to look into the database now: an idle worker that a photo waits, the web
that a prediction is finished. Each would look by itself a moment later."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import current_app
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

QUEUE = "inference"
_FINISHED = "faceroute.finished"
_TROUBLES = (KombuError, RedisError, OSError)
_LISTENING = 0.5  # seconds without a word until it is asked whether to go on
_PAUSE_IN_TROUBLE = 1.0  # seconds


class Nudger:
    """Sends a message from a thread of its own, so that nobody waits for Redis.

    `send` may raise what Redis does. While a message is being sent, however long Redis takes,
    further ones are one.
    """

    def __init__(self, name: str, send: Callable[[], object]) -> None:
        self._name, self._send = name, send
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._answers = True

    def nudge(self) -> None:
        """Have a message sent; returns at once and never raises."""
        self._wanted.set()
        with self._starting:  # in the process that sends: threads do not survive a fork
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._try()

    def _try(self) -> None:
        try:
            self._send()
        except _TROUBLES as error:
            if self._answers:
                logger.warning("Redis does not answer; all look by themselves: %s", error)
            self._answers = False
        else:
            self._answers = True


def _tell_workers() -> None:
    current_app.send_task("predictions.tasks.look", retry=False)


def _tell_web() -> None:
    with current_app.pool.acquire(block=True) as connection:
        _client(connection).publish(_FINISHED, "")


def _client(connection: Any) -> Any:
    """The `redis.Redis` by which Celery's connection talks."""
    return connection.default_channel.client


nudge = Nudger("nudger", _tell_workers).nudge
"""A photo waits."""

announce = Nudger("announcer", _tell_web).nudge
"""A prediction is finished."""


class Listener:
    """Calls `heard`, from a thread of its own, whenever predictions are finished somewhere."""

    def __init__(self, heard: Callable[[], object]) -> None:
        self._heard = heard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing is heard any more, or Redis keeps the thread for a second."""
        self._stopping.set()
        self._thread.join(_PAUSE_IN_TROUBLE)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except _TROUBLES as error:
                logger.debug("Results are not announced: %s", error)
                self._stopping.wait(_PAUSE_IN_TROUBLE)

    def _listen(self) -> None:
        with (
            current_app.connection_for_read() as connection,
            _client(connection).pubsub(ignore_subscribe_messages=True) as said,
        ):
            said.subscribe(_FINISHED)
            while not self._stopping.is_set():
                if said.get_message(timeout=_LISTENING) and not self._stopping.is_set():
                    self._heard()
