"""Nothing is kept for ever: no file without a photo, no log-in or API key that ran out."""

import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from knox.models import AuthToken

from predictions.expiry import forget_expired_logins, sweep_orphans
from predictions.models import Photo
from tests.factories import PhotoFactory

pytestmark = pytest.mark.django_db


def stored(name: str, *, hours_old: float = 2) -> Path:
    path = Path(default_storage.path(default_storage.save(name, ContentFile(b"pixels"))))
    then = (timezone.now() - timedelta(hours=hours_old)).timestamp()
    os.utime(path, (then, then))
    return path


def stored_photo() -> tuple[Path, Path]:
    photo: Photo = PhotoFactory.create()
    names = [f"{kind}/2030-01-01/{photo.pk}.jpg" for kind in ("photos", "thumbnails")]
    return stored(names[0]), stored(names[1])


def test_files_that_no_photo_shows_are_deleted() -> None:
    orphans = [stored(f"{kind}/2030-01-01/{uuid.uuid4()}.jpg") for kind in ("photos", "thumbnails")]
    kept = stored_photo()
    assert sweep_orphans(timezone.now()) == 2
    assert not any(path.exists() for path in orphans)
    assert all(path.exists() for path in kept)


def test_a_file_that_was_just_written_is_let_alone() -> None:
    young = stored(f"photos/2030-01-01/{uuid.uuid4()}.jpg", hours_old=0.5)
    assert sweep_orphans(timezone.now()) == 0
    assert young.exists()


def test_files_that_are_not_photos_are_let_alone() -> None:
    foreign = [stored("photos/README.txt"), stored(f"elsewhere/{uuid.uuid4()}.jpg")]
    assert sweep_orphans(timezone.now()) == 0
    assert all(path.exists() for path in foreign)


def test_hundreds_of_files_are_told_apart() -> None:
    kept = [stored_photo() for _ in range(3)]
    for day in range(1, 4):
        for _ in range(200):
            stored(f"photos/2030-01-0{day}/{uuid.uuid4()}.jpg")
    assert sweep_orphans(timezone.now()) == 600
    assert all(path.exists() for pair in kept for path in pair)


def test_an_empty_storage_has_no_orphans() -> None:
    assert sweep_orphans(timezone.now()) == 0


def test_expired_keys_and_sessions_go_and_valid_ones_stay(user: User) -> None:
    now = timezone.now()
    old, _ = AuthToken.objects.create(user=user)
    valid, _ = AuthToken.objects.create(user=user)
    endless, _ = AuthToken.objects.create(user=user, expiry=None)
    AuthToken.objects.filter(pk=old.pk).update(expiry=now - timedelta(seconds=1))
    Session.objects.create(session_key="old", expire_date=now - timedelta(days=1))
    Session.objects.create(session_key="valid", expire_date=now + timedelta(days=1))

    forget_expired_logins(now)

    assert set(AuthToken.objects.all()) == {valid, endless}
    assert [session.session_key for session in Session.objects.all()] == ["valid"]


def test_who_logged_in_is_forgotten_after_a_month() -> None:
    now = timezone.now()
    for days in (29, 31):
        AccessLog.objects.create(username=f"{days} days ago", ip_address="192.0.2.1")
        AccessAttempt.objects.create(
            username=f"{days} days ago", ip_address="192.0.2.1", failures_since_start=1
        )
        for records in (AccessLog, AccessAttempt):
            just_made = records.objects.filter(username=f"{days} days ago")
            just_made.update(attempt_time=now - timedelta(days=days))
    forget_expired_logins(now)
    for records in (AccessLog, AccessAttempt):
        assert [record.username for record in records.objects.all()] == ["29 days ago"]
