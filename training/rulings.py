"""What administrators decide about images: it has the last word over what cleaning found."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import IntegerChoices, QuerySet

from .cleaning import judge, reason_under
from .models import Dataset, GenderLabel, RaceLabel, Ruling, Sample
from .revisions import move_on

_CHOICES: dict[str, type[IntegerChoices]] = {"gender": GenderLabel, "race": RaceLabel}


def rule(chosen: QuerySet[Sample], ruling: Ruling) -> int:
    """Use images, leave them out, or go by the cleaning again; how many images that concerns.

    One UPDATE, however large the dataset is: what the recipes select of it is computed when
    somebody asks. A training that runs keeps the selection it began with.
    """
    with transaction.atomic():
        datasets = list(Dataset.objects.filter(pk__in=chosen.order_by().values("dataset")))
        count = chosen.order_by().update(ruling=ruling, reason=reason_under(ruling))
        for dataset in datasets:
            move_on(dataset)
    return count


def relabel(sample: Sample) -> None:
    """Save a sample with changed labels or another ruling; its copies are judged anew."""
    with transaction.atomic():
        sample.save()
        judge(sample.dataset, sample.group)
        move_on(sample.dataset)


def adopt_estimates(samples: Iterable[Sample]) -> int:
    """Give doubtful labels the value that the model estimates; how many there were."""
    changed = 0
    for sample in samples:
        if not sample.suggestion:
            continue
        setattr(sample, sample.doubtful_label, _value(sample.doubtful_label, sample.suggestion))
        _settle(sample)
        relabel(sample)
        changed += 1
    return changed


def confirm_labels(chosen: QuerySet[Sample]) -> int:
    """Take the doubt off labels that somebody has looked at; how many there were."""
    return chosen.exclude(doubt=None).update(doubt=None, doubtful_label="", suggestion="")


def estimate_in_words(sample: Sample) -> str:
    """What the model estimates instead of the doubtful label, as people say it."""
    if sample.doubtful_label not in _CHOICES:
        return sample.suggestion
    choice = _CHOICES[sample.doubtful_label](_value(sample.doubtful_label, sample.suggestion))
    return str(choice.label)


def _settle(sample: Sample) -> None:
    sample.doubt, sample.doubtful_label, sample.suggestion = None, "", ""


def _value(label: str, suggestion: str) -> int:
    """The number that stands for a suggestion of `training.reviews`."""
    return int(suggestion) if label == "age" else _CHOICES[label][suggestion.upper()].value
