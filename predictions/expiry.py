"""What must not be kept for ever: photos whose time is up, files that no photo shows, log-ins and
API keys that ran out."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePosixPath
from uuid import UUID

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.core.files.storage import Storage
from django.core.management import call_command
from knox.models import AuthToken

from . import receipts
from .batches import deletion as batches
from .models import Photo
from .uploads import deleted_in_slices
from .visitors import Visitor

# An upload writes its files a moment before its row; nothing takes an hour to do so.
_SETTLED = timedelta(hours=1)
_CHUNK = 500


def expire_photos(now: datetime) -> int:
    """Delete every photo whose time is up, with its predictions, and every batch without photos
    whose time is up or that was never used; returns how many photos."""
    expired = Photo.objects.filter(expires_at__lte=now).order_by("expires_at")
    count = sum(deleted_in_slices(expired))
    batches.expire(now)
    return count


def sweep_orphans(now: datetime) -> int:
    """Delete the files of `orphans`; returns how many."""
    deleted = 0
    for storage, path in orphans(now):
        storage.delete(path)
        deleted += 1
    return deleted


def orphans(now: datetime) -> Iterator[tuple[Storage, str]]:
    """Stored files that belong to no photo and are older than an hour, each with where it lies.

    They are what a process leaves that is killed between writing a file and its row, or between
    deleting a row and its files. Files with names that are not a photo's are let alone.
    """
    for storage, folder in _places():
        for path in _without_photo(_files(storage, folder)):
            if storage.get_modified_time(path) < now - _SETTLED:
                yield storage, path


def stored_files() -> Iterator[str]:
    """The paths of all files that are where those of photos lie."""
    for storage, folder in _places():
        yield from _files(storage, folder)


def _places() -> list[tuple[Storage, str]]:
    """The storage and the top folder of each kind of file that a photo has."""
    fields = (Photo.image.field, Photo.thumbnail.field)
    return [(field.storage, str(field.upload_to).split("/")[0]) for field in fields]


def forget_expired_logins(now: datetime) -> None:
    """Delete the sessions, the API keys and the records of log-ins whose time is up, and what is
    known of browsers whose cookie has run out."""
    call_command("clearsessions")
    receipts.forget(now)
    Visitor.objects.filter(changed_at__lt=now - settings.PHOTO_LIFETIME).delete()
    AuthToken.objects.filter(expiry__lt=now).delete()
    for records in (AccessLog, AccessAttempt, AccessFailureLog):
        too_old = now - settings.LOGIN_RECORD_LIFETIME
        records.objects.filter(attempt_time__lt=too_old).delete()


def _files(storage: Storage, folder: str) -> Iterator[str]:
    """The paths of all files below a folder of a storage, one day's folder after the other."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:  # nothing was uploaded yet
        return
    for name in files:
        yield f"{folder}/{name}"
    for name in folders:
        yield from _files(storage, f"{folder}/{name}")


def _without_photo(paths: Iterable[str]) -> Iterator[str]:
    named = ((key, path) for path in paths if (key := _photo_key(path)))
    while chunk := dict(islice(named, _CHUNK)):
        known = set(Photo.objects.filter(pk__in=chunk).values_list("pk", flat=True))
        yield from (path for key, path in chunk.items() if key not in known)


def _photo_key(path: str) -> UUID | None:
    try:
        return UUID(PurePosixPath(path).stem)
    except ValueError:
        return None
