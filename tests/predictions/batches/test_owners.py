"""Whose a batch is, and when it goes."""

import uuid
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from predictions import deletion as erasing
from predictions import expiry, uploads
from predictions.access import Owner
from predictions.batches import deletion, steering
from predictions.batches.archives import announce
from predictions.batches.joining import BatchFull, BatchGone
from predictions.batches.models import Batch
from predictions.batches.sending import note_refused, send_photo
from predictions.models import Photo, Prediction
from predictions.uploads import delete_prediction
from tests.predictions.batches.conftest import Send
from tests.predictions.conftest import close_account
from vision.errors import PhotoUnreadable

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_batch_follows_its_browser_to_the_account(
    client: Client, user: Any, faceless_bytes: bytes
) -> None:
    client.get("/")
    made = client.post("/batches/", {"name": "Mine"}).json()
    photo = SimpleUploadedFile("a.jpg", faceless_bytes)
    assert client.post(f"{made['url']}photos/", {"photo": photo}).status_code == 202
    visitor = Batch.objects.get().visitor
    user.set_password("correct horse battery")
    user.save()
    client.post("/account/login/", {"username": "ann", "password": "correct horse battery"})
    batch = Batch.objects.get()
    assert (batch.owner, batch.visitor) == (user, None)
    # What is still on its way from the browser joins it there.
    late = SimpleUploadedFile("b.jpg", faceless_bytes)
    send_photo(batch, Owner(visitor=visitor), late, "")
    assert Photo.objects.filter(owner=user, batch=batch).count() == 2


def test_a_photo_joins_no_batch_of_another(batch: Batch, faceless_bytes: bytes) -> None:
    with pytest.raises(BatchGone):
        send_photo(
            batch, Owner(visitor=uuid.uuid4()), SimpleUploadedFile("a.jpg", faceless_bytes), ""
        )
    assert not Photo.objects.exists()


def test_a_batch_has_as_many_photos_as_one_may(send: Send, settings: Any) -> None:
    settings.PHOTOS_PER_BATCH = 2
    send(2)
    with pytest.raises(BatchFull, match="2 photos"):
        send(1)
    assert Photo.objects.count() == 2


def test_a_batch_goes_with_its_last_photo(batch: Batch, send: Send) -> None:
    first, second = send(2)
    delete_prediction(first)
    assert Batch.objects.exists()
    delete_prediction(second)
    assert not Batch.objects.exists()


def test_a_batch_is_deleted_with_its_photos_and_no_others(
    batch: Batch, owner: Owner, send: Send, faceless_bytes: bytes
) -> None:
    send(3)
    single = uploads.accept_photo(owner, SimpleUploadedFile("a.jpg", faceless_bytes))
    assert deletion.delete(batch)
    assert Photo.objects.get() == single.photo
    assert not Batch.objects.exists()


def test_what_a_request_has_no_time_for_is_deleted_by_upkeep(
    batch: Batch, owner: Owner, send: Send
) -> None:
    send(5)
    with (
        patch.object(deletion, "_OF_A_REQUEST", 0.0),
        patch.object(uploads, "_DELETION_BATCH", 2),
    ):
        assert not deletion.delete(batch)
    assert not owner.batches().exists()
    with pytest.raises(BatchGone):
        send(1)
    erasing.go_on()
    assert not Photo.objects.exists()
    assert not Batch.objects.exists()


def test_deleting_everything_takes_batches_along(batch: Batch, owner: Owner, send: Send) -> None:
    send(1)
    steering.create(owner, "without photos")
    erasing.erase([owner])
    assert not Photo.objects.exists()
    assert not Batch.objects.exists()


def test_an_account_takes_its_batches_along(
    client: Client, user: Any, batch: Batch, send: Send
) -> None:
    send(1)
    close_account(client, user)
    assert not Batch.objects.exists()


def test_batches_expire_with_their_newest_photo(batch: Batch, owner: Owner, send: Send) -> None:
    send(1)
    refused = steering.create(owner, "without photos")
    note_refused(refused, "a.jpg", "key", PhotoUnreadable().message)
    expiry.expire_photos(timezone.now() + timedelta(days=29))
    assert Batch.objects.count() == 2
    expiry.expire_photos(timezone.now() + timedelta(days=31))
    assert not Batch.objects.exists()
    assert not Prediction.objects.exists()


def test_a_batch_to_which_nothing_came_goes_after_a_day(
    batch: Batch, owner: Owner, send: Send
) -> None:
    """Whoever began it never learnt of it: the answer was lost, and they began another."""
    send(1)
    refused, zipped = (steering.create(owner, name) for name in ("refused", "zipped"))
    note_refused(refused, "a.jpg", "key", PhotoUnreadable().message)
    announce(zipped, owner, "photos.zip", 100)
    steering.create(owner, "lost")
    expiry.expire_photos(timezone.now() + timedelta(hours=23))
    assert Batch.objects.count() == 4
    expiry.expire_photos(timezone.now() + timedelta(hours=25))
    assert set(Batch.objects.all()) == {batch, refused, zipped}
