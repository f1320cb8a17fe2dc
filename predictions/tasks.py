"""What Celery starts. A message says nothing but its name; everything else is in the database."""

import logging
from functools import cache
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from django.utils import timezone

from . import bulk, daily_sums, deletion, expiry, model_server, quota, room
from .batches import archives
from .batches.unpack_loop import UnpackLoop
from .heartbeats import Condition, Heartbeat, forget_long_gone
from .notify import QUEUE
from .worker_loop import WorkerLoop

logger = logging.getLogger(__name__)

# The queue of those workers that nobody sits in front of a screen waiting for.
_DATA = "data"


@shared_task
def look() -> None:
    """Look for photos now. Acknowledged when it is received: one that is lost costs a moment."""
    _worker_loop().look_now()


@shared_task
def expire() -> None:
    """Delete photos whose time is up, files that belong to no photo, and traces of the killed."""
    now = timezone.now()
    daily_sums.count_on()  # before they go
    photos, orphans = expiry.expire_photos(now), expiry.sweep_orphans(now)
    logger.info("Deleted %d expired photos and %d orphaned files.", photos, orphans)
    quota.forget(now)
    archives.forget(now)
    forget_long_gone()
    room.measure()
    room.forget()
    if room.kept().is_nearly_all:
        logger.warning("%s (FACEROUTE_MEDIA_BYTES).", room.kept())


@shared_task
def erase() -> None:
    """Go on with what takes longer than a request."""
    deletion.go_on()
    bulk.go_on()


@shared_task
def sum_up() -> None:
    """Go on with the daily sums."""
    daily_sums.count_on()


@shared_task
def forget_expired_logins() -> None:
    """Delete sessions and API keys whose time is up."""
    expiry.forget_expired_logins(timezone.now())


@worker_process_init.connect
def begin(**_: Any) -> None:
    """In a new worker process, after the fork: look for what it is there for."""
    if QUEUE in _queues():
        _worker_loop().start()
    if _DATA in _queues():
        _unpack_loop().start()
    _heartbeat().start()


@worker_process_shutdown.connect
def end(**_: Any) -> None:
    """Before a worker process ends by itself: finish what is at hand."""
    if QUEUE in _queues():
        _worker_loop().stop()
    if _DATA in _queues():
        _unpack_loop().stop()
    _heartbeat().stop()


def _queues() -> list[str]:
    return list(current_app.amqp.queues.consume_from)


# One of each in a process, made after the fork.
@cache
def _worker_loop() -> WorkerLoop:
    return WorkerLoop(model_server.model_server)


@cache
def _unpack_loop() -> UnpackLoop:
    return UnpackLoop()


@cache
def _heartbeat() -> Heartbeat:
    return Heartbeat(_queues(), _condition if QUEUE in _queues() else Condition)


def _condition() -> Condition:
    server = model_server.model_server
    return Condition(server.version_name, server.problem, _worker_loop().served)
