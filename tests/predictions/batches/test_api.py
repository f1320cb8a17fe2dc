"""Batches by REST."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from predictions.batches.models import Batch
from predictions.models import Photo
from tests.predictions.batches.conftest import Send, progress
from tests.predictions.conftest import client_of

pytestmark = pytest.mark.django_db

URL = "/api/v1/batches/"


def test_a_program_begins_a_batch_names_and_deletes_it(api: APIClient) -> None:
    answer = api.post(URL, {"name": "Holiday"})
    assert (answer.status_code, answer.json()["name"]) == (201, "Holiday")
    address = answer["Location"]
    assert address.endswith(f"{URL}{answer.json()['id']}/")
    assert api.get(address).json() == answer.json()
    assert api.patch(address, {"name": "Other"}).json()["name"] == "Other"
    assert api.patch(address, {"name": ""}).status_code == 400
    [listed] = api.get(URL).json()["results"]
    assert set(listed) == {"id", "name", "created_at", "expires_at"}
    assert api.delete(address).status_code == 204
    assert api.get(URL).json()["results"] == []
    assert api.get(address).status_code == 404


def test_each_photo_has_its_own_outcome(
    api: APIClient, batch: Batch, faceless_bytes: bytes
) -> None:
    files = [
        SimpleUploadedFile("one.jpg", faceless_bytes),
        SimpleUploadedFile("two.txt", b"no photo"),
    ]
    answer = api.post(f"{URL}{batch.pk}/photos/", {"photo": files}, format="multipart")
    assert answer.status_code == 202
    fine, refused = answer.json()
    assert (fine["name"], fine["prediction"]["status"], fine["error"]) == (
        "one.jpg",
        "queued",
        None,
    )
    assert refused["error"]["code"] == "photo_type_unsupported"
    assert Photo.objects.get().batch == batch
    figures = progress(api, batch)
    assert (figures["counts"]["waiting"], figures["counts"]["refused"]) == (1, 1)


def test_a_full_batch_refuses_the_others_one_by_one(
    api: APIClient, batch: Batch, faceless_bytes: bytes, settings: Any
) -> None:
    settings.PHOTOS_PER_BATCH = 1
    files = [SimpleUploadedFile(f"{n}.jpg", faceless_bytes) for n in range(2)]
    entries = api.post(f"{URL}{batch.pk}/photos/", {"photo": files}, format="multipart").json()
    assert [one["error"] and one["error"]["code"] for one in entries] == [None, "batch_full"]


def test_a_batch_is_steered(api: APIClient, batch: Batch, send: Send) -> None:
    send(1)
    for what, state in (
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
        ("retry", "running"),
    ):
        answer = api.post(f"{URL}{batch.pk}/{what}/")
        assert (answer.status_code, answer.json()["progress"]["state"]) == (200, state)


def test_a_batch_is_nobody_elses(batch: Batch, stranger: User) -> None:
    other = client_of(stranger)
    assert other.get(URL).json()["results"] == []
    for method, path in (
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "photos/"),
        ("post", "cancel/"),
    ):
        assert getattr(other, method)(f"{URL}{batch.pk}/{path}").status_code == 404
    assert other.get(f"{URL}{uuid.uuid4()}/").status_code == 404
    assert APIClient().get(URL).status_code == 401
