"""What comes before and after a photo in its batch."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from predictions.models import Photo, Prediction

from .models import Batch, BatchState


@dataclass(frozen=True)
class Neighbours:
    """The batch of a photo, and the newest results of the photos sent before and after it; None
    at either end."""

    batch: Batch
    before: UUID | None
    after: UUID | None


def neighbours_of(photo: Photo) -> Neighbours | None:
    """Those of a photo; None where it is in no batch, or in one that is being deleted."""
    batch = photo.batch
    if batch is None or batch.state == BatchState.DELETED:
        return None
    photos = batch.photos.all()
    at, pk = photo.created_at, photo.pk
    before = photos.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    after = photos.filter(Q(created_at__gt=at) | Q(created_at=at, pk__gt=pk))
    return Neighbours(
        batch,
        _newest_result(before.order_by("-created_at", "-pk")),
        _newest_result(after.order_by("created_at", "pk")),
    )


def _newest_result(photos: QuerySet[Photo]) -> UUID | None:
    """That of the first of some photos."""
    results = Prediction.objects.filter(photo=OuterRef("pk")).order_by("-created_at", "-pk")
    newest = Subquery(results.values("pk")[:1])
    return photos.annotate(newest=newest).values_list("newest", flat=True).first()
