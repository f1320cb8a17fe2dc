"""One photo a request, as the upload page's script sends them."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from predictions.models import Photo, Prediction

pytestmark = pytest.mark.django_db


def send(client: Client, data: bytes, token: str = "one") -> Any:  # noqa: S107
    return client.post("/photos/", {"photo": SimpleUploadedFile("ann.jpg", data), "token": token})


@pytest.fixture
def visitor(client: Client) -> Client:
    """A browser that was shown the page."""
    client.get("/")
    return client


def test_the_answer_says_where_the_result_will_be(visitor: Client, photo_bytes: bytes) -> None:
    answer = send(visitor, photo_bytes)
    made = Prediction.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {"prediction": str(made.pk), "url": f"/predictions/{made.pk}/"}
    assert visitor.get(answer.json()["url"]).status_code == 200


def test_under_one_token_a_photo_is_taken_once(visitor: Client, photo_bytes: bytes) -> None:
    answers = [send(visitor, photo_bytes).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert send(visitor, photo_bytes, token="other").json() != answers[0]
    assert Photo.objects.count() == 2


def test_another_file_under_the_same_token_is_another_photo(
    visitor: Client, photo_bytes: bytes, faceless_bytes: bytes
) -> None:
    """It was changed on the disk between two tries."""
    assert send(visitor, photo_bytes).json() != send(visitor, faceless_bytes).json()


def test_a_refusal_is_answered_as_the_api_would(visitor: Client, settings: Any) -> None:
    answer = send(visitor, b"no photo")
    assert (answer.status_code, answer.json()["code"]) == (415, "photo_type_unsupported")
    assert "cannot be read" in answer.json()["message"]
    assert visitor.post("/photos/").status_code == 400
    settings.PHOTO_MAX_BYTES = 4
    assert send(visitor, b"12345").status_code == 413
    assert not Photo.objects.exists()


def test_a_full_quota_says_when_to_go_on(
    visitor: Client, photo_bytes: bytes, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 1
    send(visitor, photo_bytes)
    answer = send(visitor, photo_bytes, token="other")
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert 3500 < int(answer["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    ("address", "accepts", "kind"),
    [
        ("/photos/", "application/json", "application/json"),
        ("/", "text/html", "text/html; charset=utf-8"),
    ],
)
def test_while_the_database_is_away_script_and_form_are_told_when_to_try_again(
    visitor: Client, monkeypatch: pytest.MonkeyPatch, address: str, accepts: str, kind: str
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr("predictions.views.upload.accept_photo", away)
    visitor.raise_request_exception = False
    photo = SimpleUploadedFile("ann.jpg", b"a photo")
    answer = visitor.post(address, {"photo": photo, "photos": photo}, headers={"accept": accepts})
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert answer["Content-Type"] == kind
    assert "Please try again in a few minutes." in answer.content.decode()
