"""`Prefer: wait=N`: the answer is held until the prediction is finished, or N seconds."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from predictions.api import waiting
from predictions.api.waiting import preferred_wait, wait_until_finished
from predictions.models import Photo, Prediction, Status
from tests.factories import FinishedPredictionFactory

# Whoever waits gives its connection back: the rows must be really there.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("wait=5", 5),
        ("respond-async, wait=10", 10),
        ('Wait = "7"', 7),
        ("wait=3600", 60),
        ("wait=0", 0),
        ("wait=-1", 0),
        ("wait=١", 0),
        ("await=5", 0),
        ("nonsense", 0),
    ],
)
def test_the_preference_is_read_leniently(header: str, seconds: int) -> None:
    assert preferred_wait(header) == seconds


@pytest.fixture
def send(api: APIClient, photo: Any) -> Callable[[str], Any]:
    def send_with(prefer: str) -> Any:
        url = "/api/v1/predictions/"
        return api.post(url, {"photo": photo()}, format="multipart", HTTP_PREFER=prefer)

    return send_with


def meanwhile(action: Callable[[], Any]) -> threading.Thread:
    """Do `action` as another process would, again until it does something."""

    def work() -> None:
        while not action():
            pass
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_a_prediction_finished_in_time_answers_201(
    send: Callable[[str], Any], status: Status
) -> None:
    worker = meanwhile(lambda: Prediction.objects.update(status=status, took_ms=5))
    response = send("wait=30")
    worker.join()
    assert response.status_code == 201
    assert response.json()["status"] == status
    assert response["Preference-Applied"] == "wait"
    assert response["Location"].endswith(f"/{response.json()['id']}/")


def test_waiting_in_vain_answers_202(send: Callable[[str], Any]) -> None:
    response = send("wait=1")
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    assert response["Preference-Applied"] == "wait"


def test_who_does_not_ask_does_not_wait(send: Callable[[str], Any]) -> None:
    response = send("respond-async")
    assert response.status_code == 202
    assert "Preference-Applied" not in response


def test_a_prediction_deleted_while_somebody_waits_is_404(send: Callable[[str], Any]) -> None:
    deleter = meanwhile(lambda: Photo.objects.all().delete()[0])
    response = send("wait=30")
    deleter.join()
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_who_finds_every_seat_taken_waits_briefly(
    send: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_seats", threading.Semaphore(0))
    monkeypatch.setattr(waiting, "_STANDING", 1)
    assert send("wait=60").status_code == 202


def test_a_seat_is_free_again_after_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    seats = threading.BoundedSemaphore(1)
    monkeypatch.setattr(waiting, "_seats", seats)
    wait_until_finished(FinishedPredictionFactory.create(), 60)
    assert seats.acquire(blocking=False)
