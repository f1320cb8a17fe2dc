"""Deleting batches: with all their photos, however many; or because no photo of them is left."""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from predictions.access import Owner
from predictions.models import Photo
from predictions.uploads import deleted_in_slices
from training.models.leases import UNCLAIMED

from .emptying import remove_empty
from .models import UNDER_WAY, Archive, ArchivePiece, ArchiveState, Batch, BatchState

_OF_A_REQUEST, _OF_UPKEEP = 3.0, 60.0  # seconds
_UNUSED = timedelta(days=1)
_AT_ONCE = 1000  # batches of an hour


def delete(batch: Batch) -> bool:
    """Delete a batch with its photos; False where upkeep is left to go on with it.

    From now on its owner sees it no more, and nothing that is on its way to it is taken.
    """
    close(Batch.objects.filter(pk=batch.pk))
    return _work_on([batch], _OF_A_REQUEST)


def close_all_of(owner: Owner, until: datetime) -> None:
    """Let nothing join the batches that an owner has made so far: all its photos are to go."""
    close(owner.batches().filter(created_at__lte=until))


def close(batches: QuerySet[Batch]) -> None:
    """Show batches to nobody, and take nothing for them any more."""
    with transaction.atomic():
        keys = list(batches.select_for_update().order_by("pk").values_list("pk", flat=True))
        Batch.objects.filter(pk__in=keys).update(state=BatchState.DELETED)
        drop_archives(Archive.objects.filter(batch__in=keys))


def drop_archives(archives: QuerySet[Archive]) -> None:
    """Delete what is kept of archives, and unpack no more of them; within a transaction."""
    ArchivePiece.objects.filter(archive__in=archives).delete()
    archives.filter(state__in=UNDER_WAY).update(state=ArchiveState.CANCELLED, **UNCLAIMED)


def remove_closed(owner: Owner) -> None:
    """Delete the rows of an owner's batches that are being deleted and have no photo left."""
    closed = Batch.objects.filter(state=BatchState.DELETED, **owner.columns)
    remove_empty(closed.values_list("pk", flat=True))


def go_on() -> bool:
    """Go on with what requests did not finish, for a minute; whether that is all."""
    rows = Batch.objects.filter(state=BatchState.DELETED).order_by("created_at")
    return _work_on(list(rows), _OF_UPKEEP)


def expire(now: datetime) -> None:
    """Delete the batches whose time is up; their photos' is too, and those go by themselves. And
    those to which nothing came: the answer to whoever began them was lost, and they began another.
    """
    expired = Batch.objects.filter(expires_at__lte=now)
    close(expired)
    remove_empty(expired.values_list("pk", flat=True))
    unused = Batch.objects.filter(created_at__lte=now - _UNUSED)
    unused = unused.filter(photos=None, refused=None, archives=None)
    remove_empty(unused.values_list("pk", flat=True)[:_AT_ONCE])


def _work_on(batches: list[Batch], seconds: float) -> bool:
    end = time.monotonic() + seconds
    for batch in batches:
        photos = Photo.objects.filter(batch=batch).order_by("created_at")
        for _ in deleted_in_slices(photos):
            if time.monotonic() > end:
                return False
        remove_empty([batch.pk])
    return True
