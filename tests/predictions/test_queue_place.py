"""Whoever waits is told how many photos come first, and when nobody is there to take them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions.models import Photo, Prediction, Status
from predictions.processes import Worker
from predictions.queue_place import place_of
from tests.factories import PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(user: User) -> Photo:
    made: Photo = PhotoFactory.create(owner=user)
    return made


def queued(photo: Photo, *, ago: float = 0, **fields: Any) -> Prediction:
    """A prediction that was asked for so many seconds ago."""
    made: Prediction = PredictionFactory.create(photo=photo, **fields)
    made.created_at = timezone.now() - timedelta(seconds=ago)
    made.save()
    return made


def worker(*, version: str = "starter-1", ago: float = 0, **fields: Any) -> Worker:
    seen_at = timezone.now() - timedelta(seconds=ago)
    fields = {"queues": "inference", "seen_at": seen_at, "version": version} | fields
    return Worker.objects.create(machine="here", process=1, **fields)


def test_ahead_is_what_is_taken_first(photo: Photo) -> None:
    queued(photo, turn=0, ago=1)
    queued(photo, turn=1, ago=30)
    queued(photo, turn=1, ago=30, status=Status.RUNNING)
    mine = queued(photo, turn=1, ago=20)
    queued(photo, turn=1, ago=10)
    queued(photo, turn=2, ago=60)
    place = place_of(mine)
    assert place is not None
    assert (place.ahead, place.more_are_ahead) == (2, False)


def test_very_many_are_not_counted_to_the_end(
    photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictions.queue_place._MOST_AHEAD", 2)
    for _ in range(4):
        queued(photo, ago=30)
    place = place_of(queued(photo))
    assert place is not None
    assert (place.ahead, place.more_are_ahead) == (2, True)


def test_a_finished_prediction_has_no_place(photo: Photo) -> None:
    assert place_of(queued(photo, status=Status.DONE)) is None


@pytest.mark.parametrize(
    ("ago", "workers", "lacks"),
    [
        (5, [], False),
        (15, [], True),
        (15, [{}], False),
        (15, [{"ago": 60}], True),
        (15, [{"queues": "training"}], True),
        (15, [{"version": ""}], False),  # it is loading one
        (15, [{"version": "", "problem": {"code": "nothing_active", "parameters": {}}}], True),
    ],
)
def test_after_ten_seconds_it_is_told_that_nobody_works(
    photo: Photo, ago: float, workers: list[dict[str, Any]], lacks: bool
) -> None:
    for fields in workers:
        worker(**fields)
    place = place_of(queued(photo, ago=ago))
    assert place is not None
    assert place.lacks_worker is lacks


def test_the_page_says_so_until_a_worker_comes(client: Client, user: User, photo: Photo) -> None:
    client.force_login(user)
    queued(photo, ago=40)
    mine = queued(photo, ago=30)
    address, fragment = f"/predictions/{mine.pk}/", {"HX-Request": "true"}
    page = client.get(address, headers=fragment).content.decode()
    assert "No worker is available" in page
    assert "One photo is ahead of yours." in page
    assert "hx-trigger" in page
    worker()
    page = client.get(address, headers=fragment).content.decode()
    assert "No worker" not in page
    assert "Waiting for a worker" in page
