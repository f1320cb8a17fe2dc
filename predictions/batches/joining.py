"""Whether one more photo may join a batch."""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from predictions.messages import TEMPLATES
from vision.errors import VisionError

from .models import Batch, BatchState


class BatchRefused(VisionError):
    """A batch takes no more, whatever photo it is; the message says why and what to do."""

    templates = TEMPLATES


class BatchFull(BatchRefused):
    """The batch has as many photos as one may have."""

    code = "batch_full"


class BatchClosed(BatchRefused):
    """The batch was cancelled."""

    code = "batch_closed"


class BatchGone(BatchRefused):
    """The batch was deleted."""

    code = "batch_gone"


def join(pk: uuid.UUID, owner: dict[str, Any], expires_at: datetime) -> Batch:
    """The batch that a photo is joining, which nobody else changes until the transaction ends.

    `owner`: the columns of whom it has to belong to; `expires_at`: when the photo does. Raises
    BatchRefused.
    """
    batch = ensure_open(Batch.objects.select_for_update().filter(pk=pk, **owner))
    batch.expires_at = expires_at
    batch.save(update_fields=["expires_at"])
    return batch


def ensure_open(found: QuerySet[Batch]) -> Batch:
    """The one batch of a query, which takes one more photo. Raises BatchRefused."""
    batch = found.first()
    if batch is None or batch.state == BatchState.DELETED:
        raise BatchGone
    if batch.state == BatchState.CANCELLED:
        raise BatchClosed
    if batch.photos.count() >= settings.PHOTOS_PER_BATCH:
        raise BatchFull(limit=settings.PHOTOS_PER_BATCH)
    return batch
