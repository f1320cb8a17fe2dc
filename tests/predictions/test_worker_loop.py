"""The thread that looks for photos: by itself, at once when told, and after any trouble."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.utils import timezone

from predictions import worker_loop
from predictions.model_server import ModelServer
from predictions.models import Prediction, Status
from predictions.worker_loop import WorkerLoop
from tests.factories import ModelVersionFactory, PhotoFactory, PredictionFactory
from tests.predictions.fakes import FakeEstimator
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loop() -> Iterator[WorkerLoop]:
    ModelVersionFactory.create(is_active=True)
    loop = WorkerLoop(ModelServer(lambda _: FakeEstimator()))
    loop.start()
    yield loop
    loop.stop()


def send(**columns: object) -> Prediction:
    photo = PhotoFactory.create(thumbnail="")
    photo.image.save(f"{photo.pk}.jpg", ContentFile(b"photo"))
    prediction: Prediction = PredictionFactory.create(photo=photo, **columns)
    return prediction


def wait_until_done(seconds: float = 10.0) -> None:
    rest = Prediction.objects.exclude(status=Status.DONE)
    wait_until(lambda: not rest.exists(), "every photo is done", seconds=seconds)


def test_photos_are_found_without_a_message(loop: WorkerLoop) -> None:
    send()
    wait_until_done(3.0)
    assert loop.served == 1


def test_a_message_has_it_look_at_once(loop: WorkerLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "pause", 3600)
    send()
    wait_until_done()
    time.sleep(0.5)  # it sleeps for an hour now
    send()
    loop.look_now()
    wait_until_done()


def test_what_a_lost_worker_held_is_found(loop: WorkerLoop) -> None:
    past = timezone.now() - timedelta(seconds=1)
    send(status=Status.RUNNING, lease_expires_at=past, attempts=1)
    wait_until_done()


def test_it_goes_on_when_the_database_is_back(
    loop: WorkerLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "pause_in_trouble", 0.1)
    with monkeypatch.context() as trouble:

        def away() -> None:
            raise OperationalError("the server closed the connection")

        trouble.setattr(worker_loop, "return_lost", away)
        send()
        wait_until(lambda: "the server closed" in caplog.text, "the trouble is met")
    wait_until_done()
