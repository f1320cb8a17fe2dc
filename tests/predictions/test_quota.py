"""What is accepted counts once, whoever sends it however, and nothing gives it back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from predictions import quota
from predictions.access import Owner
from predictions.deletion import erase
from predictions.models import Photo, Prediction
from predictions.quota import Sender, Sending
from predictions.uploads import QuotaExceeded, accept_photo, rerun
from tests.predictions.conftest import client_of
from tests.predictions.test_deleted_meanwhile import at_once

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 3


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    settings.PHOTOS_PER_HOUR = LIMIT


def photo(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", data)


def test_six_at_once_with_a_limit_of_three_are_three(user: User, photo_bytes: bytes) -> None:
    keys = [client_of(user) for _ in range(6)]  # six keys of one account

    def send(program: Any) -> int:
        sent = {"photo": photo(photo_bytes)}
        answer = program.post("/api/v1/predictions/", sent, format="multipart")
        return int(answer.status_code)

    said = at_once(*(lambda one=one: send(one) for one in keys))
    assert sorted(said) == [202] * LIMIT + [429] * LIMIT
    assert Prediction.objects.count() == Photo.objects.count() == LIMIT


def test_browsers_without_a_cookie_count_by_their_address(photo_bytes: bytes) -> None:
    def send(address: str) -> Any:
        return Client(REMOTE_ADDR=address).post("/", {"photos": photo(photo_bytes)})

    for _ in range(LIMIT):
        send("192.0.2.1")
    refused = send("192.0.2.1")
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert f"{LIMIT} photos within an hour" in refused.content.decode()
    assert Photo.objects.count() == LIMIT
    send("192.0.2.2")
    assert Photo.objects.count() == LIMIT + 1
    for last in range(LIMIT + 1):  # one household
        send(f"2001:db8::{last}")
    assert Photo.objects.count() == 2 * LIMIT + 1


def test_estimating_again_counts_and_deleting_gives_nothing_back(
    client: Client, owner: Owner, user: User, photo_bytes: bytes
) -> None:
    first = accept_photo(owner, photo(photo_bytes))
    rerun(first)
    client.force_login(user)
    assert client.post(f"/predictions/{first.pk}/rerun/").status_code == 302
    address = client.post(f"/predictions/{first.pk}/rerun/").headers["Location"]
    assert f"{LIMIT} photos within an hour" in client.get(address).content.decode()
    answer = client_of(user).post(f"/api/v1/predictions/{first.pk}/rerun/")
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert Prediction.objects.count() == LIMIT
    erase([owner])
    with pytest.raises(QuotaExceeded):
        accept_photo(owner, photo(photo_bytes))


def test_what_is_refused_does_not_count(owner: Owner, photo_bytes: bytes) -> None:
    for _ in range(LIMIT + 1):
        with pytest.raises(Exception, match="cannot be read"):
            accept_photo(owner, photo(b"no"))
    accept_photo(owner, photo(photo_bytes))


def test_what_counts_no_longer_is_forgotten(owner: Owner, photo_bytes: bytes) -> None:
    accept_photo(owner, photo(photo_bytes))
    now = timezone.now()
    quota.forget(now)
    assert Sending.objects.count() == Sender.objects.count() == 1
    quota.forget(now + timedelta(hours=1))
    assert Sending.objects.count() == Sender.objects.count() == 0
