"""The work that Celery starts. Messages carry ids; everything else is in the database."""

import logging
from typing import Any
from uuid import UUID

from celery import current_app, shared_task
from celery.signals import worker_process_init, worker_ready
from django.utils import timezone

from . import expiry, inference, model_server, sweeping
from .notify import QUEUE

logger = logging.getLogger(__name__)


# Acknowledged as soon as it is received (Celery's default): a lost message is the sweeper's to
# replace, which counts attempts, while a queue that delivers again would not.
# A photo that makes a library hang takes its process along; one that lets not even the thread run
# that would end it is for Celery to end. Either way the worker is lost and replaced.
@shared_task(time_limit=inference.LONGEST_BATCH + 60)
def predict(prediction_id: str) -> None:
    """Work through one batch of waiting predictions, the named one first."""
    if served := model_server.model_server.current():
        inference.run_batch(UUID(prediction_id), served)


@shared_task
def sweep() -> None:
    """Return lost work to the queue and wake workers for what waits."""
    swept = sweeping.sweep(timezone.now())
    if any(swept):
        logger.info("Swept: %d requeued, %d failed, %d wake-ups sent.", *swept)


@shared_task
def expire() -> None:
    """Delete photos whose time is up, and files that belong to no photo."""
    now = timezone.now()
    photos, orphans = expiry.expire_photos(now), expiry.sweep_orphans(now)
    logger.info("Deleted %d expired photos and %d orphaned files.", photos, orphans)


@shared_task
def forget_expired_logins() -> None:
    """Delete sessions and API keys whose time is up."""
    expiry.forget_expired_logins(timezone.now())


@worker_process_init.connect
def load_model(**_: Any) -> None:
    """Load and warm up the model in a new worker process, before it takes its first task."""
    if QUEUE in current_app.amqp.queues.consume_from:
        model_server.model_server.current()


@worker_ready.connect
def sweep_at_start(sender: Any, **_: Any) -> None:
    """Look for what the worker before has left, without waiting for the first beat."""
    if QUEUE in sender.app.amqp.queues.consume_from:
        sweep.delay()
