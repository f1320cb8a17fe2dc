"""All photos together take no more than a setting says; how much they take is shown."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from faceroute_site.readiness import readiness
from predictions import room, tasks
from predictions.access import Owner
from predictions.models import Photo
from predictions.uploads import PhotosFull, accept_photo
from tests.factories import PhotoFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted_anew() -> Iterator[None]:
    room.forget()
    yield
    room.forget()


def upload(photo: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("photo.jpg", photo)


def stored_bytes(photo: Photo) -> int:
    return sum(default_storage.size(str(file)) for file in (photo.image, photo.thumbnail))


def test_a_photo_knows_what_it_takes(owner: Owner, photo_bytes: bytes) -> None:
    photo = accept_photo(owner, upload(photo_bytes)).photo
    room.forget()
    assert photo.bytes == stored_bytes(photo)
    assert room.kept() == room.Kept(1, photo.bytes)


@pytest.mark.django_db(transaction=True)
def test_where_all_room_is_taken_no_more_are_accepted_until_some_go(
    owner: Owner, user: User, photo_bytes: bytes, client: Client, settings: Any
) -> None:
    settings.MEDIA_BYTES = 1
    assert room.kept().photos == 0
    # The first fills it: this process knows at once, others within half a minute.
    accept_photo(owner, upload(photo_bytes))
    with pytest.raises(PhotosFull):
        accept_photo(owner, upload(photo_bytes))

    key = str(AuthToken.objects.create(user)[1])
    program = APIClient(headers={"Authorization": f"Bearer {key}"})
    answer = program.post(
        "/api/v1/predictions/", {"photo": upload(photo_bytes)}, format="multipart"
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "photos_full")
    page = client.post("/", {"photos": upload(photo_bytes)})
    assert page.status_code == 503
    assert "take up all the space they may" in page.content.decode()
    assert "so no more are accepted" in readiness()["room"]
    assert client.get("/readyz").json()["status"] != "ok"

    Photo.objects.all().delete()
    room.forget()
    accept_photo(owner, upload(photo_bytes))


def test_photos_of_before_are_measured_by_upkeep(
    owner: Owner, photo_bytes: bytes, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    photo = accept_photo(owner, upload(photo_bytes)).photo
    gone = PhotoFactory.create()
    Photo.objects.update(bytes=None)
    settings.MEDIA_BYTES = stored_bytes(photo) + 1
    tasks.expire()
    assert Photo.objects.get(pk=photo.pk).bytes == stored_bytes(photo)
    assert Photo.objects.get(pk=gone.pk).bytes == 0
    assert "2 photos take" in caplog.text


def test_the_overview_shows_it(
    admin_client: Client, owner: Owner, photo_bytes: bytes, settings: Any
) -> None:
    settings.MEDIA_BYTES = 10 * 2**30
    accept_photo(owner, upload(photo_bytes))
    room.forget()
    page = admin_client.get("/admin/").content.decode()
    assert "of at most 10.0\xa0GB" in page
    assert "1 photos, each kept for 30 days" in page


@pytest.mark.parametrize(("bound", "seen_after"), [(1000, 2), (100_000, 31)])
def test_near_the_bound_what_others_add_is_seen_at_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch, bound: int, seen_after: int
) -> None:
    settings.MEDIA_BYTES = bound
    now = 0.0
    monkeypatch.setattr("predictions.room.time.monotonic", lambda: now)
    PhotoFactory.create(bytes=950)
    assert room.kept().photos == 1
    PhotoFactory.create(bytes=60)
    for now in range(1, seen_after):  # noqa: B007
        assert room.kept().photos == 1
    now = seen_after
    assert room.kept() == room.Kept(2, 1010)
