"""From a waiting prediction to a finished one. The database is the truth, the queue a bell."""

import logging
from uuid import UUID

from celery import current_app
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def wake(prediction_id: UUID) -> None:
    """Ring for a worker. Never raises: a prediction whose bell is lost is swept up later."""
    try:
        current_app.send_task("predictions.tasks.predict", [str(prediction_id)], retry=False)
    except (KombuError, RedisError, OSError) as error:
        logger.warning("Prediction %s waits for the sweeper: %s", prediction_id, error)
