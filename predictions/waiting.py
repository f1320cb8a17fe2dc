"""Answers that may come later: what a view asks for, and how a server keeps watch for it.

A view that runs in a thread never waits. It says what for and how long; a server that can (the
site's own, not a test's client) holds the answer back without a thread, and runs the view again.
"""

import asyncio
import logging
import re
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import close_old_connections, connection
from django.http import HttpRequest

from .models import Prediction, Status

logger = logging.getLogger(__name__)

KEY = "faceroute.waiting"
LONGEST_WAIT = 60  # seconds
_PREFERENCE = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)
# Seconds between two looks. They follow one another fast, so that a result is told when it is
# there, but take a tenth of the time at most: where the database is slow, they are fewer.
_LEAST_PAUSE, _MOST_PAUSE = 0.005, 0.1
_LOOKING_SHARE = 0.1


@dataclass
class Waiting:
    """What a request waits for: a prediction to be finished, so many seconds at most.

    The view fills it in where it would rather answer later; once the waiting `is_over` it is run
    again, and answers for good.
    """

    prediction: UUID | None = None
    seconds: int = 0
    is_over: bool = False

    def until_finished(self, prediction: UUID, seconds: int) -> None:
        self.prediction, self.seconds = prediction, seconds


def waiting_of(request: Any) -> Waiting:
    """What the server and the view share about a request (Django's or the REST framework's)."""
    waiting: Waiting = request.META.setdefault(KEY, Waiting())
    return waiting


def preferred_wait(request: HttpRequest | Any) -> int:
    """The seconds a request's `Prefer` header (RFC 7240) asks to wait, 0 to 60; else 0."""
    match = _PREFERENCE.search(request.headers.get("Prefer", ""))
    return min(int(match.group(1)), LONGEST_WAIT) if match else 0


class Hub:
    """Everybody in this process who waits for predictions: one query for all of them at a time.

    `places`: how many may wait at the same time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiters: dict[UUID, set[asyncio.Future[None]]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False
        self._thread = ThreadPoolExecutor(1, "hub")  # one thread, so one connection

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiters.values()))

    @property
    def has_place(self) -> bool:
        return not self._is_closed and self.waiting < self._places

    async def wait(self, prediction: UUID, seconds: float) -> None:
        """Until the prediction is finished or gone, the time is up, or the hub is closed."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(prediction, set()).add(told)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait([told], timeout=seconds)
        finally:
            told.cancel()
            self._forget(prediction, told)

    def release_all(self) -> None:
        """Nobody waits any longer, because the server stops."""
        self._is_closed = True
        self._tell(set(self._waiters))

    def shut_down(self) -> None:
        self._thread.submit(_close_connection)
        self._thread.shutdown()

    async def _watch(self) -> None:
        """Looks while anybody waits."""
        loop = asyncio.get_running_loop()
        while awaited := set(self._waiters):
            began = loop.time()
            unfinished = await loop.run_in_executor(self._thread, _unfinished, awaited)
            self._tell(awaited - unfinished)
            await asyncio.sleep(_pause_after(loop.time() - began))

    def _tell(self, finished: Set[UUID]) -> None:
        for prediction in finished:
            for told in self._waiters.get(prediction, ()):
                if not told.done():
                    told.set_result(None)

    def _forget(self, prediction: UUID, told: "asyncio.Future[None]") -> None:
        waiters = self._waiters[prediction]
        waiters.discard(told)
        if not waiters:
            del self._waiters[prediction]


def _pause_after(looked: float) -> float:
    """Seconds to the next look, after one that took `looked` seconds."""
    return min(_MOST_PAUSE, max(_LEAST_PAUSE, looked * (1 / _LOOKING_SHARE - 1)))


def _unfinished(awaited: Set[UUID]) -> Set[UUID]:
    """Those that somebody must go on waiting for: all of them while the database is away."""
    try:
        close_old_connections()
        rows = Prediction.objects.filter(pk__in=awaited, status__in=[Status.QUEUED, Status.RUNNING])
        return set(rows.values_list("pk", flat=True))
    except Exception:
        logger.exception("Waiting requests could not be looked after.")
        connection.close()
        return awaited


def _close_connection() -> None:
    """That of the thread that runs this."""
    connection.close()
