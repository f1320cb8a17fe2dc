"""What happens to a photo from the moment it is accepted to the moment it is gone."""

import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from predictions.access import Owner
from predictions.expiry import expire_photos
from predictions.models import Photo, Prediction, Status
from predictions.quota import Sending
from predictions.uploads import (
    AccountGone,
    QuotaExceeded,
    accept_photo,
    delete_prediction,
    rerun,
)
from tests.factories import UserFactory
from vision.errors import PhotoError, PhotoTooLarge

pytestmark = pytest.mark.django_db(transaction=True)

GPS_TAG = 0x8825


def jpeg(width: int = 64, height: int = 48, **exif_tags: Any) -> bytes:
    image = Image.new("RGB", (width, height), "salmon")
    exif = Image.Exif()
    exif[0x0112] = exif_tags.get("orientation", 1)
    exif[GPS_TAG] = {1: "N", 2: (37.0, 33.0, 0.0)}
    data = io.BytesIO()
    image.save(data, "JPEG", exif=exif)
    return data.getvalue()


def upload(data: bytes, name: str = "me.jpg") -> "SimpleUploadedFile":
    return SimpleUploadedFile(name, data)


@pytest.fixture
def owner(db: None) -> Owner:
    return Owner(user_id=UserFactory.create().pk)


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def kept_files() -> list[str]:
    root = site_settings.MEDIA_ROOT
    return [path.name for path in root.rglob("*") if path.is_file()]


def test_a_photo_is_kept_upright_without_its_metadata(owner: Owner) -> None:
    prediction = accept_photo(owner, upload(jpeg(64, 48, orientation=6)))
    photo = prediction.photo
    with photo.image.open("rb") as stored:
        image = Image.open(io.BytesIO(stored.read()))
    assert (photo.width, photo.height) == image.size == (48, 64)
    assert not image.getexif()
    assert prediction.status == Status.QUEUED
    assert photo.name == "me.jpg"


def test_its_stored_name_tells_nothing_of_the_file_sent(owner: Owner) -> None:
    photo = accept_photo(owner, upload(jpeg(), "../../etc/Ann Smith.jpg")).photo
    assert "Smith" not in str(photo.image.name)
    assert ".." not in str(photo.image.name)


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "me.heic"), ("HEIF", "me.jpg"), ("GIF", "a")])
def test_its_name_does_not_say_what_it_is(owner: Owner, kind: str, name: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "salmon").save(data, kind)
    photo = accept_photo(owner, upload(data.getvalue(), name)).photo
    assert (photo.width, photo.height, photo.name) == (64, 48, name)
    assert photo.warnings == []


def test_what_is_to_be_known_of_the_file_is_kept_with_the_photo(owner: Owner) -> None:
    data = io.BytesIO()
    Image.effect_noise((512, 512), 60).save(data, "JPEG")
    photo = accept_photo(owner, upload(data.getvalue()[:-100])).photo
    photo.refresh_from_db()
    assert photo.warnings == ["photo_cut_short"]


def test_an_anonymous_browser_owns_what_it_sends() -> None:
    visitor = uuid.uuid4()
    prediction = accept_photo(Owner(visitor=visitor), upload(jpeg()))
    assert (prediction.visitor, prediction.owner) == (visitor, None)
    assert (prediction.photo.visitor, prediction.photo.owner) == (visitor, None)


def test_it_expires_after_the_promised_time(owner: Owner) -> None:
    photo = accept_photo(owner, upload(jpeg())).photo
    assert abs(photo.expires_at - timezone.now() - site_settings.PHOTO_LIFETIME) < timedelta(
        minutes=1
    )


def test_a_refused_file_leaves_nothing_behind(owner: Owner) -> None:
    with pytest.raises(PhotoError):
        accept_photo(owner, upload(b"no photo at all"))
    assert not Photo.objects.exists()
    assert kept_files() == []


def test_a_file_over_the_limit_is_refused_before_it_is_read(owner: Owner, settings: Any) -> None:
    settings.PHOTO_MAX_BYTES = 100
    with pytest.raises(PhotoTooLarge):
        accept_photo(owner, upload(jpeg()))
    assert kept_files() == []


def test_a_photo_whose_row_cannot_be_written_leaves_no_file(owner: Owner) -> None:
    gone = Owner(user_id=owner.user_id)
    User.objects.all().delete()
    with pytest.raises(AccountGone):
        accept_photo(gone, upload(jpeg()))
    assert kept_files() == []


def test_the_hourly_quota_refuses_with_a_time_to_come_back(owner: Owner, settings: Any) -> None:
    settings.PHOTOS_PER_HOUR = 2
    accept_photo(owner, upload(jpeg()))
    Sending.objects.update(sent_at=timezone.now() - timedelta(minutes=50))
    accept_photo(owner, upload(jpeg()))
    with pytest.raises(QuotaExceeded) as refused:
        accept_photo(owner, upload(jpeg()))
    assert 590 <= refused.value.retry_after <= 600
    assert Photo.objects.count() == 2


def test_the_quota_of_one_owner_is_not_anothers(owner: Owner, settings: Any) -> None:
    settings.PHOTOS_PER_HOUR = 1
    accept_photo(owner, upload(jpeg()))
    accept_photo(Owner(visitor=uuid.uuid4()), upload(jpeg()))
    assert Photo.objects.count() == 2


def test_a_rerun_is_a_new_prediction_of_the_same_photo(owner: Owner) -> None:
    first = accept_photo(owner, upload(jpeg()))
    second = rerun(first)
    assert second.pk != first.pk
    assert second.photo == first.photo
    assert second.owner_id == owner.user_id
    assert Photo.objects.count() == 1


def test_deleting_the_last_prediction_deletes_the_photo_and_its_files(owner: Owner) -> None:
    first = accept_photo(owner, upload(jpeg()))
    second = rerun(first)
    delete_prediction(first)
    assert default_storage.exists(str(first.photo.image.name))
    delete_prediction(second)
    assert not Photo.objects.exists()
    assert kept_files() == []


def test_the_end_of_an_account_takes_its_photos_along(owner: Owner) -> None:
    accept_photo(owner, upload(jpeg()))
    User.objects.all().delete()
    assert not Prediction.objects.exists()
    assert kept_files() == []


def test_expired_photos_go_and_the_others_stay(owner: Owner) -> None:
    old, young = (accept_photo(owner, upload(jpeg())).photo for _ in range(2))
    Photo.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_photos(timezone.now()) == 1
    assert list(Photo.objects.all()) == [young]
    assert len(kept_files()) == 2
