"""Sending one photo: accepted, or refused with a reason."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Photo, Prediction

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"


def send(api: APIClient, photo: Any) -> Any:
    return api.post(URL, {"photo": photo}, format="multipart")


class Unreadable:
    """A request body that nobody may read."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def test_a_photo_is_accepted_and_waits(api: APIClient, photo: Any) -> None:
    response = send(api, photo())
    assert response.status_code == 202
    body = response.json()
    assert body["status"] == "queued"
    assert body["photo"]["width"] == body["photo"]["height"] == 512
    assert response["Location"] == f"http://testserver{URL}{body['id']}/"
    assert api.get(response["Location"]).json() == body
    assert Prediction.objects.get().owner is not None


def test_names_and_types_that_lie_do_not_matter(api: APIClient, photo: Any) -> None:
    response = send(api, photo(name="../../notes.txt", content_type="text/plain"))
    assert response.status_code == 202
    assert Photo.objects.get().name == "notes.txt"


@pytest.mark.parametrize(
    "data", [b"", b"just text", b"GIF89a" + bytes(200), b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(99)]
)
def test_what_is_no_photo_is_415(api: APIClient, photo: Any, data: bytes) -> None:
    response = send(api, photo(data))
    assert (response.status_code, response.json()["code"]) == (415, "photo_type_unsupported")
    assert not Photo.objects.exists()


def test_a_photo_cut_short_is_400(api: APIClient, photo: Any, photo_bytes: bytes) -> None:
    response = send(api, photo(photo_bytes[: len(photo_bytes) // 2]))
    assert (response.status_code, response.json()["code"]) == (400, "photo_unreadable")


@pytest.mark.parametrize("limit", ["PHOTO_MAX_BYTES", "PHOTO_MAX_PIXELS"])
def test_too_many_bytes_or_pixels_are_413(
    api: APIClient, photo: Any, settings: Any, limit: str
) -> None:
    setattr(settings, limit, 1000)
    response = send(api, photo())
    assert (response.status_code, response.json()["code"]) == (413, "photo_too_large")


def test_a_body_that_cannot_be_right_is_refused_unread(api: APIClient) -> None:
    extra: Any = {"CONTENT_LENGTH": str(10**10), "wsgi.input": Unreadable()}
    response = api.generic("POST", URL, content_type="multipart/form-data; boundary=x", **extra)
    assert (response.status_code, response.json()["code"]) == (413, "photo_too_large")


def test_a_long_text_is_not_kept_in_memory(api: APIClient) -> None:
    response = api.post(URL, {"photo": "x" * 3_000_000}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (413, "photo_too_large")


@pytest.mark.parametrize(
    "text", ["https://example.org/a.jpg", "/etc/passwd", "data:image/jpeg;base64,/9j/4AAQ", ""]
)
def test_text_in_place_of_the_photo_is_400_and_never_fetched(api: APIClient, text: str) -> None:
    response = api.post(URL, {"photo": text}, format="multipart")
    assert response.status_code == 400
    [sentence] = response.json()["fields"]["photo"]
    assert "as a file" in sentence


@pytest.mark.parametrize("content_type", ["application/json", "image/jpeg", "text/plain"])
def test_only_multipart_is_a_way_to_send_a_photo(api: APIClient, content_type: str) -> None:
    response = api.generic("POST", URL, '{"photo": "x"}', content_type=content_type)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_two_photos_belong_into_a_batch(api: APIClient, photo: Any) -> None:
    response = api.post(URL, {"photo": [photo(), photo()]}, format="multipart")
    assert response.status_code == 400
    assert "predictions/batch/" in response.json()["message"]
    assert not Prediction.objects.exists()


def test_the_quota_answers_with_the_time_to_come_back(
    api: APIClient, photo: Any, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 1
    send(api, photo())
    response = send(api, photo())
    assert (response.status_code, response.json()["code"]) == (429, "quota_exceeded")
    assert 3500 < int(response["Retry-After"]) <= 3600


def test_a_storage_that_takes_nothing_is_503_in_words(
    api: APIClient, photo: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "not a folder"
    settings.MEDIA_ROOT.write_text("")
    response = send(api, photo())
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert "try again" in response.json()["message"]
    assert str(tmp_path) not in response.content.decode()
    assert not Prediction.objects.exists()
