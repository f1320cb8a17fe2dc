"""What is in a batch: of each photo the newest prediction, and what was refused."""

from django.db.models import Exists, OuterRef, QuerySet

from predictions.models import Prediction

from .models import Batch


def predictions_of(batch: Batch) -> QuerySet[Prediction]:
    """The newest prediction of each photo of a batch, in the order of sending: a photo that was
    run again is shown as it was estimated last."""
    newer = Prediction.objects.filter(
        photo=OuterRef("photo"), created_at__gt=OuterRef("created_at")
    )
    rows = Prediction.objects.filter(~Exists(newer), photo__batch=batch)
    return rows.order_by("created_at", "pk")
