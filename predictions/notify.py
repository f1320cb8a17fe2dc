"""Telling a worker to look into the database. A message that is lost costs time only."""

import logging
import time
from typing import Any
from uuid import UUID

from celery import current_app
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

QUEUE = "inference"
_TROUBLES = (KombuError, RedisError, OSError)


class Notifier:
    """Sends workers a message through Redis; where Redis does not answer, is silent for a while.

    An unreachable Redis costs about a second to find out. In the `silence` (seconds) after that
    nobody pays it again: the sweeper sends one for whatever still waits when Redis is back.
    """

    def __init__(self, silence: float = 5.0) -> None:
        self._silence = silence
        self._silent_until = 0.0

    def send(self, prediction_id: UUID) -> bool:
        """Ask for the prediction to be worked on; whether Redis took the message. Never raises."""
        if time.monotonic() < self._silent_until:
            return False
        try:
            current_app.send_task("predictions.tasks.predict", [str(prediction_id)], retry=False)
        except _TROUBLES as error:
            self._silent_until = time.monotonic() + self._silence
            logger.warning("Redis does not answer, predictions wait for the sweeper: %s", error)
            return False
        return True


notifier = Notifier()


def notify(prediction_id: UUID) -> bool:
    """Ask for a committed prediction to be worked on; whether Redis took the message.

    Never raises and returns within about a second: a prediction whose message is lost is found
    by the sweeper.
    """
    return notifier.send(prediction_id)


def waiting_messages() -> int:
    """How many wake-up messages no worker has taken yet. Raises where Redis does not answer."""
    with current_app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(queue=QUEUE).message_count)
