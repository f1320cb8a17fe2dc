"""Sending photos: accepted, refused with a reason, waited for, several at once."""

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from predictions.api.waiting import preferred_wait
from predictions.models import Photo, Prediction, Status

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"
BATCH = "/api/v1/predictions/batch/"


def test_a_photo_is_accepted_and_waits(api: APIClient, photo: Any) -> None:
    response = api.post(URL, {"photo": photo()}, format="multipart")
    assert response.status_code == 202
    body = response.json()
    assert body["status"] == "queued"
    assert body["faces"] == []
    assert body["failure"] is None
    assert body["model_version"] is None
    assert body["photo"]["width"] == body["photo"]["height"] == 512
    assert response["Location"].endswith(f"/api/v1/predictions/{body['id']}/")
    assert Prediction.objects.get().owner is not None


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"just text", 415, "photo_type_unsupported"),
        (b"GIF89a" + bytes(200), 415, "photo_type_unsupported"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200), 415, "photo_type_unsupported"),
        (b"", 415, "photo_type_unsupported"),
    ],
)
def test_what_is_no_photo_is_refused_with_a_code(
    api: APIClient, photo: Any, data: bytes, status: int, code: str
) -> None:
    response = api.post(URL, {"photo": photo(data)}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Photo.objects.exists()


def test_a_photo_cut_short_is_refused(api: APIClient, photo: Any, photo_bytes: bytes) -> None:
    response = api.post(
        URL, {"photo": photo(photo_bytes[: len(photo_bytes) // 2])}, format="multipart"
    )
    assert (response.status_code, response.json()["code"]) == (400, "photo_unreadable")


def test_too_many_bytes_are_413(api: APIClient, photo: Any, settings: Any) -> None:
    settings.PHOTO_MAX_BYTES = 1000
    response = api.post(URL, {"photo": photo()}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (413, "photo_too_large")


def test_too_many_pixels_are_413(api: APIClient, photo: Any, settings: Any) -> None:
    settings.PHOTO_MAX_PIXELS = 1000
    response = api.post(URL, {"photo": photo()}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (413, "photo_too_large")


def test_a_body_that_cannot_be_right_is_refused_unread(api: APIClient, settings: Any) -> None:
    settings.PHOTO_MAX_BYTES = 10
    response = api.generic(
        "POST", URL, "x" * 200_000, content_type="multipart/form-data; boundary=x"
    )
    assert response.status_code == 413


def test_json_is_no_way_to_send_a_photo(api: APIClient) -> None:
    response = api.post(URL, {"photo": "https://example.org/a.jpg"}, format="json")
    assert response.status_code == 415


def test_an_address_in_place_of_the_photo_is_not_fetched(api: APIClient) -> None:
    response = api.post(URL, {"photo": "https://example.org/a.jpg"}, format="multipart")
    assert response.status_code == 400
    assert "photo" in response.json()["fields"]


def test_the_quota_answers_with_the_time_to_come_back(
    api: APIClient, photo: Any, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 1
    api.post(URL, {"photo": photo()}, format="multipart")
    response = api.post(URL, {"photo": photo()}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (429, "quota_exceeded")
    assert 3500 < int(response["Retry-After"]) <= 3600


def test_messages_come_in_the_callers_language(api: APIClient, photo: Any) -> None:
    english = api.post(URL, {"photo": photo(b"x")}, format="multipart")
    korean = api.post(URL, {"photo": photo(b"x")}, format="multipart", HTTP_ACCEPT_LANGUAGE="ko")
    assert english.json()["code"] == korean.json()["code"]
    assert english.json()["message"].isascii()
    assert not korean.json()["message"].isascii()


def test_a_batch_gives_each_photo_its_own_outcome(api: APIClient, photo: Any) -> None:
    files = [photo(name="one.jpg"), photo(b"no photo", name="two.jpg"), photo(name="three.jpg")]
    response = api.post(BATCH, {"photo": files}, format="multipart")
    assert response.status_code == 202
    entries = response.json()
    assert [entry["name"] for entry in entries] == ["one.jpg", "two.jpg", "three.jpg"]
    assert [entry["error"] and entry["error"]["code"] for entry in entries] == [
        None,
        "photo_type_unsupported",
        None,
    ]
    assert entries[0]["prediction"]["status"] == "queued"
    assert Prediction.objects.count() == 2


def test_a_batch_has_a_limit(api: APIClient, photo: Any, settings: Any) -> None:
    settings.PHOTOS_PER_UPLOAD = 1
    response = api.post(BATCH, {"photo": [photo(), photo()]}, format="multipart")
    assert response.status_code == 400
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("wait=5", 5),
        ("respond-async, wait=10", 10),
        ('Wait = "7"', 7),
        ("wait=3600", 60),
        ("wait=-1", 0),
        ("await=5", 0),
        ("nonsense", 0),
    ],
)
def test_the_wait_preference_is_read_leniently(header: str, seconds: int) -> None:
    assert preferred_wait(header) == seconds


def test_waiting_in_vain_answers_202(api: APIClient, photo: Any) -> None:
    response = api.post(URL, {"photo": photo()}, format="multipart", HTTP_PREFER="wait=1")
    assert response.status_code == 202
    assert response["Preference-Applied"] == "wait=1"


@pytest.mark.django_db(transaction=True)
def test_a_prediction_finished_in_time_answers_201(api: APIClient, photo: Any) -> None:
    def finish_the_first() -> None:
        while not Prediction.objects.update(status=Status.DONE, took_ms=5):
            pass
        connection.close()

    worker = threading.Thread(target=finish_the_first)
    worker.start()
    response = api.post(URL, {"photo": photo()}, format="multipart", HTTP_PREFER="wait=30")
    worker.join()
    assert response.status_code == 201
    assert response.json()["status"] == "done"
