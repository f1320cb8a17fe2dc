"""Zips of photos on their way to a batch: announced, then received in pieces.

Every piece but the last has `settings.ARCHIVE_PIECE_BYTES` and begins where the one before ended.
Whoever sends may stop, come back in another tab or after a restart of either side, ask how much has
come, and go on from there.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from predictions import quota, room
from predictions.access import Owner
from predictions.messages import TEMPLATES
from predictions.uploads import PhotosFull, StorageUnavailable
from vision.errors import VisionError
from vision.messages import Message

from . import joining
from .deletion import drop_archives
from .models import UNDER_WAY, Archive, ArchivePiece, ArchiveState, Batch

logger = logging.getLogger(__name__)

# What nobody goes on with is deleted after so long.
_LEFT_ALONE = timedelta(days=1)
# A piece is written a moment before its row; nothing takes an hour to do so.
_SETTLED = timedelta(hours=1)
# How many of the largest archives one sender may have on their way.
_AT_ONCE = 2


class ArchiveRefused(VisionError):
    """A zip is not taken, or a piece of it; the message says why and what to do."""

    code = "archive_refused"
    templates = TEMPLATES


class ArchiveTooLarge(ArchiveRefused):
    code = "archive_too_large"


class ArchiveClosed(ArchiveRefused):
    """It is not received any more: it was cancelled, or half sent and left alone."""

    code = "archive_closed"


class PieceMisplaced(ArchiveRefused):
    """A piece that does not follow what has come. `received`: where the next one begins."""

    code = "archive_piece_misplaced"

    def __init__(self, received: int) -> None:
        self.received = received
        super().__init__(received=received)


def announce(batch: Batch, owner: Owner, name: str, size: int) -> Archive:
    """An archive of so many bytes, of which nothing has come yet.

    `owner`: the batch's, with the address that it asks from. Raises BatchRefused, ArchiveRefused
    and PhotosFull.
    """
    if size > settings.ARCHIVE_MAX_BYTES:
        most = Message("megabytes", {"count": settings.ARCHIVE_MAX_BYTES // 2**20})
        raise ArchiveTooLarge(limit=most)
    sender = quota.sender_of(owner)
    with transaction.atomic():
        joining.ensure_open(Batch.objects.select_for_update().filter(pk=batch.pk))
        open_archives = Archive.objects.filter(state__in=UNDER_WAY)
        if _bytes(open_archives.filter(sender=sender)) + size > _AT_ONCE * _most():
            raise ArchiveRefused("too_many_at_once")
        if 0 < settings.MEDIA_BYTES < room.kept().bytes + _bytes(open_archives) + size:
            raise PhotosFull
        name = name.replace("\0", "")[-255:]
        return Archive.objects.create(batch=batch, sender=sender, name=name, bytes=size)


def receive(archive: Archive, offset: int, piece: bytes) -> int:
    """Keep a piece; how many bytes have come then. One that came before changes nothing.

    Raises PieceMisplaced, ArchiveClosed and StorageUnavailable.
    """
    end = offset + len(piece)
    if end <= archive.received:
        return archive.received
    if archive.state != ArchiveState.RECEIVING and archive.received < archive.bytes:
        raise ArchiveClosed
    whole = min(settings.ARCHIVE_PIECE_BYTES, archive.bytes - archive.received)
    if offset != archive.received or len(piece) != whole:
        raise PieceMisplaced(archive.received)
    row = ArchivePiece(archive=archive, offset=offset)
    # As with photos, the file is written before the transaction.
    _store(row, piece)
    try:
        with transaction.atomic():
            is_next = _advance(archive, offset, end)
            if is_next:
                row.save(force_insert=True)
    except BaseException:
        _remove(row)
        raise
    if not is_next:
        _remove(row)
        archive.refresh_from_db()
        return receive(archive, offset, piece)
    return end


def forget(now: datetime) -> None:
    """Give up archives that nobody goes on sending, and delete files that no piece has."""
    left = Archive.objects.filter(state=ArchiveState.RECEIVING, changed_at__lt=now - _LEFT_ALONE)
    with transaction.atomic():
        drop_archives(Archive.objects.filter(pk__in=list(left.values_list("pk", flat=True))))
    for storage, path in _orphans(now):
        storage.delete(path)


def _most() -> int:
    most: int = settings.ARCHIVE_MAX_BYTES
    return most


def _bytes(archives: QuerySet[Archive]) -> int:
    return archives.aggregate(size=Sum("bytes"))["size"] or 0


def _advance(archive: Archive, offset: int, end: int) -> bool:
    """Count a piece, unless another that begins there was faster or the archive is closed."""
    rows = Archive.objects.filter(pk=archive.pk, state=ArchiveState.RECEIVING, received=offset)
    state = ArchiveState.UNPACKING if end == archive.bytes else ArchiveState.RECEIVING
    return rows.update(received=end, state=state, changed_at=timezone.now()) == 1


def _store(row: ArchivePiece, piece: bytes) -> None:
    """Raises StorageUnavailable."""
    try:
        row.file.save(f"{row.archive_id}-{row.offset}", ContentFile(piece), save=False)
    except Exception as error:  # every storage raises the errors of its own client library
        logger.exception("A piece of an archive could not be stored.")
        raise StorageUnavailable from error


def _remove(row: ArchivePiece) -> None:
    row.file.storage.delete(str(row.file.name))


def _orphans(now: datetime) -> Iterator[tuple[Storage, str]]:
    """What a process leaves that is killed between writing a file and its row, or between deleting
    a row and its file."""
    field = ArchivePiece.file.field
    folder = str(field.upload_to).split("/", maxsplit=1)[0]
    try:
        days, _files = field.storage.listdir(folder)
    except FileNotFoundError:  # no zip was sent yet
        return
    for day in days:
        paths = [f"{folder}/{day}/{name}" for name in field.storage.listdir(f"{folder}/{day}")[1]]
        pieces = ArchivePiece.objects.filter(file__startswith=f"{folder}/{day}/")
        known = set(pieces.values_list("file", flat=True))
        for path in paths:
            if path not in known and field.storage.get_modified_time(path) < now - _SETTLED:
                yield field.storage, path
