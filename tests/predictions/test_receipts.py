"""Sending once more what was sent before makes no second photo."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.batches import steering
from predictions.expiry import forget_expired_logins
from predictions.models import Photo, Prediction
from predictions.quota import Sending
from predictions.receipts import Receipt
from tests.predictions.conftest import client_of
from tests.predictions.test_deleted_meanwhile import at_once

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/predictions/"


def send(api: APIClient, data: bytes, key: str, url: str = URL) -> Any:
    photos = SimpleUploadedFile("a.jpg", data)
    headers = {"Idempotency-Key": key} if key else {}
    return api.post(url, {"photo": photos}, format="multipart", headers=headers)


def test_a_program_that_tries_again_gets_the_same_prediction(
    api: APIClient, user: User, photo_bytes: bytes, media_root: Path
) -> None:
    first, again = send(api, photo_bytes, "one"), send(api, photo_bytes, "one")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    assert Sending.objects.count() == Photo.objects.count() == 1
    assert send(api, photo_bytes, "two").json()["id"] != first.json()["id"]
    assert send(api, photo_bytes, "").json()["id"] != first.json()["id"]
    assert Photo.objects.count() == 3


def test_tries_at_once_are_one(user: User, photo_bytes: bytes, media_root: Path) -> None:
    programs = [client_of(user) for _ in range(4)]
    answers = at_once(*(lambda one=one: send(one, photo_bytes, "one") for one in programs))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Photo.objects.count() == 1
    assert len(list(media_root.rglob("*.jpg"))) == 2  # photo and thumbnail


def test_a_key_stands_for_one_photo(
    api: APIClient, photo_bytes: bytes, faceless_bytes: bytes
) -> None:
    send(api, photo_bytes, "one")
    other = send(api, faceless_bytes, "one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    long = send(api, photo_bytes, "x" * 201)
    assert (long.status_code, long.json()["code"]) == (400, "invalid")


def test_a_key_of_somebody_else_is_another(
    api: APIClient, stranger: User, photo_bytes: bytes
) -> None:
    first = send(api, photo_bytes, "one")
    theirs = send(client_of(stranger), photo_bytes, "one")
    assert first.json()["id"] != theirs.json()["id"]


def test_what_was_deleted_does_not_come_back(api: APIClient, photo_bytes: bytes) -> None:
    made = send(api, photo_bytes, "one").json()
    api.delete(f"{URL}{made['id']}/")
    again = send(api, photo_bytes, "one")
    assert (again.status_code, again.json()["code"]) == (410, "already_deleted")
    assert not Photo.objects.exists()


def test_a_batch_is_taken_once(api: APIClient, photo_bytes: bytes, faceless_bytes: bytes) -> None:
    def post() -> Any:
        files = [SimpleUploadedFile(f"{n}.jpg", photo_bytes) for n in range(2)]
        files.append(SimpleUploadedFile("c.jpg", faceless_bytes))
        sent = {"photo": files}
        headers = {"Idempotency-Key": "one"}
        return api.post(f"{URL}batch/", sent, format="multipart", headers=headers).json()

    assert post() == post()
    assert Photo.objects.count() == 3


def test_a_form_that_is_sent_again_makes_no_second_photo(
    client: Client, photo_bytes: bytes, faceless_bytes: bytes
) -> None:
    form = client.get("/")
    token = form.context["token"]
    assert f'name="token" value="{token}"' in form.content.decode()

    def post(*photos: bytes) -> Any:
        files = [SimpleUploadedFile(f"{n}.jpg", data) for n, data in enumerate(photos)]
        return client.post("/", {"photos": files, "token": token})

    assert post(photo_bytes).url == post(photo_bytes).url
    assert Photo.objects.count() == 1
    post(photo_bytes, faceless_bytes)
    assert Photo.objects.count() == 2
    assert client.get("/").context["token"] != token


def test_a_receipt_moves_to_the_account_and_is_kept_for_a_day(
    client: Client, user: User, photo_bytes: bytes
) -> None:
    user.set_password("correct horse")
    user.save()
    token = client.get("/").context["token"]
    sent = {"photos": SimpleUploadedFile("a.jpg", photo_bytes), "token": token}
    client.post("/", sent)
    client.post("/account/login/", {"username": "ann", "password": "correct horse"})
    client.post("/", {**sent, "photos": SimpleUploadedFile("a.jpg", photo_bytes)})
    assert Photo.objects.get().owner == user
    forget_expired_logins(timezone.now() + timedelta(hours=23))
    assert Receipt.objects.exists()
    forget_expired_logins(timezone.now() + timedelta(hours=25))
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("rest", ["", "batch"])
def test_an_address_without_its_last_slash_serves(
    api: APIClient, photo_bytes: bytes, rest: str
) -> None:
    address = f"{URL}{rest}".rstrip("/")
    assert send(api, photo_bytes, "", address).status_code == 202
    made = Prediction.objects.get().pk
    assert api.get(f"{URL}{made}").json()["id"] == str(made)
    assert api.delete(f"{URL}{made}").status_code == 204


def test_a_batch_takes_no_file_twice_as_long_as_it_has_it(
    api: APIClient, user: User, photo_bytes: bytes, media_root: Path
) -> None:
    batch = steering.create(Owner(user_id=user.pk), "Trip")
    url = f"/api/v1/batches/{batch.pk}/photos/"
    first = send(api, photo_bytes, "one", url).json()
    forget_expired_logins(timezone.now() + timedelta(days=3))
    assert send(api, photo_bytes, "one", url).json() == first
    Photo.objects.all().delete()
    forget_expired_logins(timezone.now() + timedelta(days=3))
    assert not Receipt.objects.exists()
