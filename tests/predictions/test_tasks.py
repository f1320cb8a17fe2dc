"""The tasks are where the schedule and the workers look for them, and messages carry nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as site_settings
from django.utils import timezone
from redis import Redis

from faceroute_site import embedded_redis
from predictions import tasks
from predictions.models import Photo, Prediction
from predictions.notify import nudge
from predictions.processes import Worker
from tests.factories import PhotoFactory, PredictionFactory
from tests.processes import Stack, wait_until
from training import tasks as training_tasks  # noqa: F401  # registers its tasks


def queue_of(task: str) -> str:
    route: dict[str, Any] = current_app.amqp.router.route({}, task)
    return str(route["queue"].name)


@pytest.mark.parametrize("entry", site_settings.CELERY_BEAT_SCHEDULE)
def test_every_scheduled_task_exists(entry: str) -> None:
    scheduled: dict[str, Any] = site_settings.CELERY_BEAT_SCHEDULE[entry]
    assert scheduled["task"] in current_app.tasks
    assert isinstance(scheduled["schedule"], timedelta)


def test_estimating_and_training_do_not_wait_for_each_other() -> None:
    assert queue_of(tasks.look.name) == "inference"
    assert queue_of("training.tasks.train") == "training"


@pytest.mark.processes
def test_a_message_is_json_and_carries_nothing(redis: Stack) -> None:
    queue = Redis(unix_socket_path=str(embedded_redis.socket_path(redis.data_dir)))
    nudge()
    wait_until(lambda: bool(queue.llen("inference")), "the message is there")
    [message] = [json.loads(message) for message in queue.lrange("inference", 0, -1)]
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == "predictions.tasks.look"
    assert message["headers"]["argsrepr"] == "()"
    assert message["headers"]["kwargsrepr"] == "{}"


@pytest.mark.django_db
def test_the_hourly_task_deletes_what_has_expired() -> None:
    old = PhotoFactory.create(expires_at=timezone.now() - timedelta(seconds=1))
    PredictionFactory.create(photo=old)
    young = PhotoFactory.create()
    for hours in (0, 2):
        seen_at = timezone.now() - timedelta(hours=hours)
        Worker.objects.create(machine="here", process=1, queues="inference", seen_at=seen_at)
    tasks.expire()
    assert list(Photo.objects.all()) == [young]
    assert not Prediction.objects.exists()
    assert Worker.objects.count() == 1
