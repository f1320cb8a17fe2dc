"""A batch whose last photo has gone goes too."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from .models import UNDER_WAY, Archive, Batch, BatchState


def remove_empty(keys: Iterable[UUID]) -> None:
    """Delete those of some batches that have no photo, and none on its way in a zip."""
    with transaction.atomic():
        # Locked, so that no photo joins in between.
        rows = Batch.objects.select_for_update().filter(pk__in=list(keys)).order_by("pk")
        locked = list(rows.values_list("pk", flat=True))
        arriving = Archive.objects.filter(batch=OuterRef("pk"), state__in=UNDER_WAY)
        empty = Batch.objects.filter(pk__in=locked)
        empty = empty.filter(Q(state=BatchState.DELETED) | ~Exists(arriving))
        empty.filter(photos=None).delete()
