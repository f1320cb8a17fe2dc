"""The tasks are where the schedule and the workers look for them, and messages carry ids only."""

import json
import uuid
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
from predictions.notify import notify
from tests.factories import PhotoFactory, PredictionFactory
from tests.processes import Stack
from training import tasks as training_tasks  # noqa: F401  # registers its tasks


def queue_of(task: str) -> str:
    route: dict[str, Any] = current_app.amqp.router.route({}, task)
    return str(route["queue"].name)


@pytest.mark.parametrize("entry", site_settings.CELERY_BEAT_SCHEDULE)
def test_every_scheduled_task_exists_and_does_not_pile_up(entry: str) -> None:
    scheduled = site_settings.CELERY_BEAT_SCHEDULE[entry]
    assert scheduled["task"] in current_app.tasks
    assert scheduled["options"]["expires"] >= scheduled["schedule"].total_seconds()
    assert queue_of(scheduled["task"]) == "upkeep"


def test_estimating_and_training_do_not_wait_for_each_other() -> None:
    assert queue_of(tasks.predict.name) == "inference"
    assert queue_of("training.tasks.run") == "training"


@pytest.mark.processes
def test_a_message_carries_the_id_as_json_and_nothing_else(redis: Stack) -> None:
    prediction_id = uuid.uuid4()
    assert notify(prediction_id)
    queue = Redis(unix_socket_path=str(embedded_redis.socket_path(redis.data_dir)))
    [message] = [json.loads(message) for message in queue.lrange("inference", 0, -1)]
    assert message["content-type"] == "application/json"
    assert message["headers"]["argsrepr"] == f"['{prediction_id}']"
    assert message["headers"]["kwargsrepr"] == "{}"


@pytest.mark.django_db
def test_without_a_model_a_photo_keeps_waiting() -> None:
    prediction = PredictionFactory.create()
    tasks.predict(str(prediction.pk))
    prediction.refresh_from_db()
    assert (prediction.status, prediction.attempts) == ("queued", 0)


@pytest.mark.django_db
def test_the_hourly_task_deletes_what_has_expired() -> None:
    old = PhotoFactory.create(expires_at=timezone.now() - timedelta(seconds=1))
    PredictionFactory.create(photo=old)
    young = PhotoFactory.create()
    tasks.expire()
    assert list(Photo.objects.all()) == [young]
    assert not Prediction.objects.exists()
