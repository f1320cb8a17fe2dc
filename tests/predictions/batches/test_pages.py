"""What a browser sends to a batch, and what its page asks."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from predictions.batches.models import Batch
from predictions.models import Photo, Prediction
from tests.predictions.batches.conftest import Send

pytestmark = pytest.mark.django_db


def upload(browser: Client, batch: Batch, data: bytes, **sent: Any) -> Any:
    photo = SimpleUploadedFile("a.jpg", data)
    return browser.post(f"/batches/{batch.pk}/photos/", {"photo": photo, **sent})


def progress(browser: Client, batch: Batch) -> Any:
    return browser.get(f"/batches/{batch.pk}/progress.json").json()


def test_a_browser_begins_a_batch_and_finds_it(browser: Client) -> None:
    answer = browser.post("/batches/", {"name": "Holiday"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["name"] == "Holiday"
    assert "Holiday" in browser.get(made["url"]).content.decode()
    told = browser.get(f"{made['url']}progress.json").json()
    assert told == {
        "id": made["id"],
        "name": "Holiday",
        "state": "empty",
        "counts": dict.fromkeys(
            ("waiting", "running", "done", "failed", "refused", "cancelled"), 0
        ),
        "photos": 0,
        "faces": 0,
        "rate_per_minute": 0.0,
        "seconds_left": None,
        "archives": [],
        "outcomes": [],
    }


def test_a_photo_that_is_sent_twice_is_taken_once(
    browser: Client, batch: Batch, faceless_bytes: bytes
) -> None:
    first = upload(browser, batch, faceless_bytes, token="t")
    again = upload(browser, batch, faceless_bytes, token="t")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.status_code == 202
    assert first.json()["url"] == f"/predictions/{Prediction.objects.get().pk}/"
    assert Photo.objects.get().batch == batch


def test_what_is_refused_is_said_and_stays_in_the_batch(browser: Client, batch: Batch) -> None:
    for _ in range(2):
        answer = upload(browser, batch, b"no photo", token="t")
        assert answer.status_code == 415
    told = progress(browser, batch)
    [outcome] = told["outcomes"]
    assert told["counts"]["refused"] == 1
    assert outcome == {
        "name": "a.jpg",
        "status": "refused",
        "url": None,
        "thumbnail": None,
        "faces": None,
        "failure": answer.json(),
    }
    assert upload(browser, batch, b"no photo").status_code == 415  # without a token
    assert progress(browser, batch)["counts"]["refused"] == 2


def test_what_is_refused_whatever_it_is_does_not_stay(
    browser: Client, batch: Batch, faceless_bytes: bytes, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 1
    upload(browser, batch, faceless_bytes)
    answer = upload(browser, batch, faceless_bytes)
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert int(answer["Retry-After"]) > 0
    browser.post(f"/batches/{batch.pk}/cancel/")
    answer = upload(browser, batch, faceless_bytes)
    assert (answer.status_code, answer.json()["code"]) == (409, "batch_closed")
    assert progress(browser, batch)["counts"]["refused"] == 0
    assert browser.post(f"/batches/{batch.pk}/photos/").status_code == 400


def test_a_batch_is_steered(browser: Client, batch: Batch, send: Send) -> None:
    send(1)
    for what, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert browser.post(f"/batches/{batch.pk}/{what}/").json()["state"] == state
    [outcome] = progress(browser, batch)["outcomes"]
    assert (outcome["status"], outcome["failure"]["code"]) == ("failed", "batch_cancelled")
    assert browser.post(f"/batches/{batch.pk}/retry/").json()["state"] == "running"
    renamed = browser.post(f"/batches/{batch.pk}/rename/", {"name": "Other"})
    assert renamed.json()["name"] == "Other"
    page = browser.post(f"/batches/{batch.pk}/delete/", follow=True)
    assert page.redirect_chain == [("/batches/", 302)]
    assert "The batch and its photos were deleted." in page.content.decode()
    assert browser.get(f"/batches/{batch.pk}/").status_code == 404


def test_a_batch_is_nobody_elses(client: Client, batch: Batch) -> None:
    client.get("/")
    assert client.get(f"/batches/{batch.pk}/").status_code == 404
    assert client.post(f"/batches/{batch.pk}/cancel/").status_code == 404
    assert client.get(f"/batches/{uuid.uuid4()}/progress.json").status_code == 404
