"""What every process that works for the site says of itself, every few seconds, in the database.

A process that says nothing any more is seen by its silence, by the database's clock.
"""

import logging
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from django.db import Error
from django.db.models.functions import Now

from training.jobs.pulse import pulse
from vision.messages import Message

from .processes import Worker

logger = logging.getLogger(__name__)

UPKEEP = "upkeep"  # where a queue's name stands: the scheduler, which does it by itself
_EVERY = 5.0  # seconds
# Who has said nothing for so long is not there, or cannot work.
SILENCE = timedelta(seconds=20)
_LONG_GONE = timedelta(hours=1)
_MINUTE = 60.0  # seconds


@dataclass(frozen=True)
class Condition:
    """How a process is: the version that it serves, why it is not the active one, and how many
    photos it has worked through in its life."""

    version: str = ""
    problem: Message | None = None
    served: int = 0


class Heartbeat:
    """Writes the row of this process from `start` to `stop`, from a thread of its own."""

    def __init__(
        self, queues: Iterable[str], condition: Callable[[], Condition] = Condition
    ) -> None:
        self._id = uuid.uuid4()
        self._queues = ",".join(sorted(queues))
        self._condition = condition
        self._rate = _Rate()
        self._beating = ExitStack()

    def start(self) -> None:
        """The first beat follows at once; a database that is away gets it later."""
        self._beating.enter_context(pulse(self._beat, _EVERY, at_once=True))

    def stop(self) -> None:
        """Beat no more, and take the row away."""
        self._beating.close()
        try:
            Worker.objects.filter(pk=self._id).delete()
        except Error as error:
            logger.warning("The row of this process stays for a while: %s", error)

    def _beat(self) -> None:
        now = self._condition()
        columns = {
            "version": now.version,
            "problem": now.problem and now.problem.as_json(),
            "photos_a_minute": self._rate.of(now.served),
            "seen_at": Now(),
        }
        if not Worker.objects.filter(pk=self._id).update(**columns):
            machine = socket.gethostname()
            Worker.objects.create(
                pk=self._id, machine=machine, process=os.getpid(), queues=self._queues, **columns
            )


@dataclass
class _Rate:
    """How much a count grew within the last minute."""

    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque([(time.monotonic(), 0)]))

    def of(self, count: int) -> int:
        now = time.monotonic()
        self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _MINUTE:
            self._seen.popleft()
        return count - self._seen[0][1]


class Seen(NamedTuple):
    """A process as it last said of itself, and for how long it has said nothing since."""

    worker: Worker
    silence: timedelta

    @property
    def is_silent(self) -> bool:
        """Whether it is not there, or cannot work."""
        return self.silence > SILENCE

    def takes_from(self, queue: str) -> bool:
        return queue in self.worker.queues.split(",")


def all_seen() -> list[Seen]:
    """Every process that is there or was killed within the last hour."""
    rows = Worker.objects.annotate(now=Now())
    return [Seen(row, max(row.now - row.seen_at, timedelta(0))) for row in rows]


def workers_of(queue: str) -> list[Worker]:
    """The processes that take work from a queue and are not silent."""
    return [seen.worker for seen in all_seen() if not seen.is_silent and seen.takes_from(queue)]


def forget_long_gone() -> None:
    """Delete the rows of processes that were killed an hour ago or longer."""
    Worker.objects.filter(seen_at__lt=Now() - _LONG_GONE).delete()
