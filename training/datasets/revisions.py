"""The revision of a dataset, which grows with every change to what is in it."""

from django.db.models import F

from training.models import Dataset


def move_on(dataset: Dataset) -> None:
    """Note that what is in the dataset has changed: what was computed of it holds no more."""
    Dataset.objects.filter(pk=dataset.pk).update(revision=F("revision") + 1)
    dataset.refresh_from_db(fields=["revision"])
