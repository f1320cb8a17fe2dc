"""A storage that hangs, refuses or is gone: photos are refused soon, in words, and taken again."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from predictions import uploads
from predictions.access import Owner
from predictions.models import Photo
from predictions.uploads import accept_photo
from tests.predictions.conftest import client_of
from tests.s3 import Bucket
from tests.tcp_proxy import TcpProxy, Trouble

pytestmark = pytest.mark.django_db

_LONGEST = 9.0  # seconds; a machine with much else to do, two time-outs of a second each


@pytest.fixture
def proxy(bucket: Bucket, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpProxy]:
    """What leads to the storage."""
    monkeypatch.setattr("faceroute_site.bucket._PAUSE", 2.0)
    settings.S3_CONNECT_TIMEOUT = settings.S3_READ_TIMEOUT = 1
    with TcpProxy(bucket.port) as proxy:
        settings.STORAGES = {**settings.STORAGES, **Bucket(proxy.port, bucket.name).storages}
        yield proxy


@pytest.fixture
def api(user: User) -> APIClient:
    return client_of(user)


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", data)


def send(api: APIClient, data: bytes) -> tuple[Any, float]:
    """The answer to a photo, and the seconds that it took."""
    started = time.monotonic()
    answer = api.post("/api/v1/predictions/", {"photo": upload(data)}, format="multipart")
    return answer, time.monotonic() - started


def storage_is(client: Client) -> str:
    state: str = client.get("/readyz").json()["checks"]["storage"]
    return state


@pytest.mark.parametrize("trouble", [Trouble.FROZEN, Trouble.REFUSED, Trouble.RESET])
def test_photos_are_refused_soon_and_taken_again(
    proxy: TcpProxy, api: APIClient, client: Client, photo_bytes: bytes, trouble: Trouble
) -> None:
    assert send(api, photo_bytes)[0].status_code == 202
    proxy.trouble = trouble
    answer, seconds = send(api, photo_bytes)
    assert answer.status_code == 503
    assert answer.json()["code"] == "storage_unavailable"
    assert answer.headers["Retry-After"] == "10"
    assert seconds < _LONGEST
    at_once = [send(api, photo_bytes) for _ in range(5)]
    assert {answer.status_code for answer, _seconds in at_once} == {503}
    # Nobody waits for what has just not answered: five times two time-outs would be longer.
    assert sum(seconds for _answer, seconds in at_once) < _LONGEST
    assert storage_is(client).startswith("Photos cannot be stored")
    proxy.trouble = Trouble.NONE
    deadline = time.monotonic() + 20
    while send(api, photo_bytes)[0].status_code != 202:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert storage_is(client) == "ok"
    assert Photo.objects.count() == 2


@pytest.mark.parametrize("trouble", [Trouble.FROZEN, Trouble.REFUSED, Trouble.RESET])
def test_the_form_is_answered_with_its_page_and_taken_when_sent_again(
    proxy: TcpProxy, client: Client, photo_bytes: bytes, trouble: Trouble
) -> None:
    token = client.get("/").context["token"]

    def post() -> Any:
        return client.post("/", {"photos": upload(photo_bytes), "token": token})

    proxy.trouble = trouble
    answer = post()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "The photo could not be stored. Please try again" in answer.content.decode()
    assert answer.context["token"] == token
    proxy.trouble = Trouble.NONE
    deadline = time.monotonic() + 20
    while post().status_code != 302:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    post()
    assert Photo.objects.count() == 1


def test_of_several_photos_the_form_says_which_were_not_taken(
    proxy: TcpProxy, client: Client, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = uploads._keep

    def trouble_after_the_first(*args: Any) -> Any:
        proxy.trouble = Trouble.REFUSED
        return made(*args)

    monkeypatch.setattr(uploads, "_keep", trouble_after_the_first)
    photos = [SimpleUploadedFile(name, photo_bytes) for name in ("a.jpg", "b.jpg", "c.jpg")]
    answer = client.post("/", {"photos": photos}, follow=True)
    assert answer.redirect_chain == [("/history/", 302)]
    page = answer.content.decode()
    assert "The photo could not be stored." in page
    assert "Not taken: b.jpg, c.jpg" in page
    assert Photo.objects.count() == 1


def test_a_photo_that_cannot_be_read_now_is_503_and_no_longer_when_it_can(
    proxy: TcpProxy, client: Client, user: User, photo_bytes: bytes
) -> None:
    prediction = accept_photo(Owner(user_id=user.pk), upload(photo_bytes))
    client.force_login(user)
    client.raise_request_exception = False
    page = f"/predictions/{prediction.pk}/photo.jpg"
    proxy.trouble = Trouble.REFUSED
    answer = client.get(page)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    proxy.trouble = Trouble.NONE
    deadline = time.monotonic() + 20
    while client.get(page).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_storage_that_answers_and_takes_nothing_is_not_ok(
    bucket: Bucket, api: APIClient, client: Client, photo_bytes: bytes
) -> None:
    assert storage_is(client) == "ok"
    assert not bucket.names()  # a probe leaves nothing behind
    bucket.remove()
    answer, seconds = send(api, photo_bytes)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert seconds < _LONGEST
    assert storage_is(client).startswith("Photos cannot be stored")
    bucket.create()
    assert send(api, photo_bytes)[0].status_code == 202  # it did answer: no pause


def test_a_frozen_storage_holds_one_probe_at_most(proxy: TcpProxy, client: Client) -> None:
    proxy.trouble = Trouble.FROZEN
    started = time.monotonic()
    for _ in range(3):
        assert storage_is(client).startswith("Photos cannot be stored")
    assert time.monotonic() - started < 10
    assert sum("_ask_storage" in thread.name for thread in threading.enumerate()) <= 1
