"""What people say of images: each person's labels are kept, and all agreed ones count.

A label of an image changes where everybody who labelled it says the same. Where they disagree it
stays as it was, and what each says is kept and shown.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Min, Q, QuerySet

from training.models import Annotation, Dataset, LabelIssue, Sample
from training.models.labels import label_value
from vision.attributes import ATTRIBUTES

from .contents import is_test
from .overrides import relabel


def annotate(sample: Sample, annotator: Any, said: Mapping[str, int]) -> list[str]:
    """Keep what somebody says of an image; the labels on which others have said otherwise.

    `said`: numbers as in UTKFace's names, by attribute; what it lacks stays as that person
    said it before. Whoever has spoken of a label leaves no issue with it.
    """
    with transaction.atomic():
        kept = Sample.objects.select_for_update().get(pk=sample.pk)
        before, kept.to_check = kept.labels, False
        theirs = kept.annotations.filter(annotator=annotator).first()
        theirs = theirs or Annotation(sample=kept, annotator=annotator)
        theirs.labels = {**theirs.labels, **said}
        theirs.save()
        LabelIssue.objects.filter(sample=kept, label__in=said).delete()
        everybody = list(kept.annotations.all())
        disputed = []
        for label in said:
            values = {one.labels[label] for one in everybody if label in one.labels}
            if len(values) > 1:
                disputed.append(label)
            else:
                kept.labels = {**kept.labels, label: values.pop()}
        if kept.labels == before:
            kept.save(update_fields=["to_check"])
        else:
            relabel(kept)
    return disputed


def confirm(chosen: QuerySet[Sample], annotator: Any, labels: Collection[str] = ATTRIBUTES) -> int:
    """Record that somebody has looked at labels and found them right; of how many images."""
    samples = list(chosen)
    for sample in samples:
        its = {label: value for label, value in sample.labels.items() if label in labels}
        annotate(sample, annotator, its)
    return len(samples)


def adopt_estimates(chosen: QuerySet[Sample], annotator: Any, label: str) -> int:
    """Give a label with an issue the value that the model estimates; how many images that concerns.

    Never that of a test image: a version would be examined on its own estimates.
    """
    issues = LabelIssue.objects.filter(sample__in=chosen, label=label).select_related("sample")
    adopted = 0
    for issue in issues:
        if (value := issue.value) is not None and not is_test(issue.sample):
            annotate(issue.sample, annotator, {label: value})
            adopted += 1
    return adopted


def disputed(dataset: Dataset) -> QuerySet[Sample]:
    """The images of which people have said different things."""
    differs = Q()
    samples = dataset.samples.all()
    for label in ATTRIBUTES:
        highest, lowest = f"highest_{label}", f"lowest_{label}"
        said = label_value(label, "annotations__")
        samples = samples.annotate(**{highest: Max(said), lowest: Min(said)})
        differs |= Q(**{f"{highest}__gt": F(lowest)})
    return samples.filter(differs)


def said_of(sample: Sample, reader: int) -> list[Annotation]:
    """What people have said of an image, the first first; `reader` is the key of an account.

    Of a test image nobody is shown what others said before they have labelled it themselves.
    """
    everybody = list(sample.annotations.select_related("annotator").order_by("pk"))
    if is_test(sample) and reader not in [one.annotator_id for one in everybody]:
        return []
    return everybody
