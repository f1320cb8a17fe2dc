"""Unpacking the zips of batches, photo after photo, by whichever worker holds one.

How far it is stands in the database after every file, and every photo is sent under a key of its
archive and its place in there: killed at any line, another worker goes on and takes none twice.
"""

import logging
import threading
import uuid
from datetime import timedelta
from functools import partial
from typing import Any
from zipfile import ZipInfo

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from predictions.access import Owner
from predictions.uploads import (
    AlreadyDeleted,
    QuotaExceeded,
    StorageUnavailable,
    UploadRefused,
    accept_photo,
)
from training.jobs.pulse import pulse
from training.models.leases import UNCLAIMED, claimed_by, renewed
from vision.errors import PhotoError
from vision.messages import Message, stored

from .joining import BatchClosed, BatchGone, BatchRefused
from .models import Archive, ArchivePiece, ArchiveState, BatchState
from .sending import note_refused
from .zips import EntryRefused, PhotoZip, Pieces, ZipUnusable, name_of

logger = logging.getLogger(__name__)

# A file that takes its worker down twice is not tried a third time.
_MAX_ATTEMPTS = 2
_PAUSE_IN_TROUBLE = timedelta(minutes=1)


class ClaimLost(Exception):
    """The archive is no longer ours, or nobody's: cancelled, deleted, paused, taken for lost."""


def take() -> Archive | None:
    """Hold an archive that is due; None where there is none."""
    due = _due().filter(batch__state=BatchState.OPEN).order_by("created_at")
    for pk in due.values_list("pk", flat=True)[:10]:
        claim = uuid.uuid4()
        if (
            _due()
            .filter(pk=pk)
            .update(
                **claimed_by(claim, settings.LEASE),
                attempts=F("attempts") + 1,
                not_before=None,
                **_said(None),
            )
        ):
            return Archive.objects.select_related("batch").filter(pk=pk, claim=claim).first()
    return None


def _due() -> QuerySet[Archive]:
    """Archives that have come whole, that no worker holds, and that need not wait."""
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    rested = Q(not_before=None) | Q(not_before__lte=Now())
    return Archive.objects.filter(free, rested, state=ArchiveState.UNPACKING)


def unpack(archive: Archive, stopping: threading.Event) -> None:
    """Send the photos of a held archive to its batch, until it is through, it has to wait, or
    `stopping` is set.

    Raises a database error where the database stays away; the lease then runs out.
    """
    beat = partial(_renew, archive)
    try:
        with pulse(beat, settings.LEASE.total_seconds() / 3):
            if not _each(archive, stopping):
                _release(archive)
                return
        _end(archive, ArchiveState.DONE)
    except ClaimLost:
        logger.info("An archive is no longer unpacked here.")
    except (ZipUnusable, BatchRefused) as error:
        gone = isinstance(error, BatchGone | BatchClosed)
        _end(archive, ArchiveState.CANCELLED if gone else ArchiveState.FAILED, error.message)
    except UploadRefused as error:
        _wait(archive, error)


def _each(archive: Archive, stopping: threading.Event) -> bool:
    """Whether it went through all files. Raises ClaimLost, ZipUnusable, BatchRefused and
    UploadRefused."""
    if archive.attempts > _MAX_ATTEMPTS and not archive.entries:
        raise ZipUnusable("damaged")
    opened = PhotoZip(_pieces_of(archive))
    if not archive.entries:
        _begin(archive, len(opened.entries))
    for index, entry in enumerate(opened.entries[archive.unpacked :], archive.unpacked):
        if stopping.is_set():
            return False
        _send(archive, opened, entry, f"zip {archive.pk} {index}")
        try:
            _write(archive, unpacked=index + 1, attempts=1)
        except ClaimLost:
            _count(archive, index)
            raise
        archive.attempts = 1
    return True


def _count(archive: Archive, index: int) -> None:
    """Note that the file at `index` went through while its batch was cancelled or paused: its
    sender is told how many were not taken."""
    Archive.objects.filter(pk=archive.pk, unpacked=index).update(unpacked=index + 1)


def _begin(archive: Archive, entries: int) -> None:
    """Raises ZipUnusable where a zip holds nothing, or more than its batch has room for."""
    room = max(0, settings.PHOTOS_PER_BATCH - archive.batch.photos.count())
    if not entries:
        raise ZipUnusable("empty")
    if entries > room:
        raise ZipUnusable("too_many_photos", files=entries, room=room)
    _write(archive, entries=entries)


def _send(archive: Archive, opened: PhotoZip, entry: ZipInfo, key: str) -> None:
    """One file: a photo of the batch from now on, or noted as refused."""
    _write(archive)  # nothing is sent for whoever has cancelled or paused meanwhile
    name = name_of(entry)
    batch = archive.batch
    try:
        if archive.attempts > _MAX_ATTEMPTS:
            raise EntryRefused("interrupted")
        file = ContentFile(opened.read(entry, settings.PHOTO_MAX_BYTES), name=name)
        sender = Owner(batch.owner_id, batch.visitor, sender=archive.sender)
        accept_photo(sender, file, key, batch.pk)
    except (PhotoError, EntryRefused) as error:
        note_refused(batch, name, key, error.message)
    except AlreadyDeleted:
        logger.info("A photo of an archive was taken before and is deleted by now.")


def _pieces_of(archive: Archive) -> Pieces:
    rows = list(archive.pieces.order_by("offset"))
    return Pieces([row.offset for row in rows], archive.bytes, lambda number: _read(rows[number]))


def _read(row: ArchivePiece) -> bytes:
    """Raises StorageUnavailable."""
    try:
        with row.file.open("rb") as file:
            data: bytes = file.read()
    except Exception as error:  # every storage raises the errors of its own client library
        logger.exception("A piece of an archive could not be read.")
        raise StorageUnavailable from error
    return data


def _held(archive: Archive) -> QuerySet[Archive]:
    return Archive.objects.filter(pk=archive.pk, claim=archive.claim, state=ArchiveState.UNPACKING)


def _renew(archive: Archive) -> None:
    _held(archive).update(**renewed(settings.LEASE))


def _write(archive: Archive, **fields: Any) -> None:
    """Write how far it is. Raises ClaimLost."""
    rows = _held(archive)
    if not rows.filter(batch__state=BatchState.OPEN).exists():
        _release(archive)
        raise ClaimLost
    if not rows.update(**renewed(settings.LEASE), **fields):
        raise ClaimLost


def _release(archive: Archive) -> None:
    """Give it back as if it had not been taken."""
    _held(archive).update(attempts=F("attempts") - 1, **UNCLAIMED)


def _wait(archive: Archive, why: UploadRefused) -> None:
    """Go on later, by whichever worker: nothing is wrong with the archive."""
    pause, message = _PAUSE_IN_TROUBLE, Message("archive_waits.storage")
    if isinstance(why, QuotaExceeded):
        pause = timedelta(seconds=why.retry_after)
        message = Message("archive_waits.quota", {"limit": settings.PHOTOS_PER_HOUR})
    _held(archive).update(
        attempts=0,
        not_before=timezone.now() + pause,
        **_said(message),
        **UNCLAIMED,
    )


def _end(archive: Archive, state: ArchiveState, why: Message | None = None) -> None:
    with transaction.atomic():
        if _held(archive).update(state=state, **_said(why), **UNCLAIMED):
            ArchivePiece.objects.filter(archive=archive).delete()


def _said(why: Message | None) -> dict[str, Any]:
    return {
        "failure_code": why.code if why else "",
        "failure_parameters": stored(why.parameters) if why else {},
    }
