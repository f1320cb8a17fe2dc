"""What administrators decide about images: it has the last word over what cleaning found."""

from django.db import transaction
from django.db.models import QuerySet

from training.models import Dataset, Override, Sample

from .judging import judge, reason_under
from .revisions import move_on


def rule(chosen: QuerySet[Sample], override: Override) -> int:
    """Use images, leave them out, or go by the cleaning again; how many images that concerns.

    One UPDATE, however large the dataset is: what the recipes select of it is computed when
    somebody asks. A training that runs keeps the selection it began with.
    """
    with transaction.atomic():
        datasets = list(Dataset.objects.filter(pk__in=chosen.order_by().values("dataset")))
        count = chosen.order_by().update(override=override, reason=reason_under(override))
        for dataset in datasets:
            move_on(dataset)
    return count


def relabel(sample: Sample) -> None:
    """Save a sample with changed labels or another override; its copies are judged anew."""
    with transaction.atomic():
        sample.save()
        judge(sample.dataset, sample.group)
        move_on(sample.dataset)
