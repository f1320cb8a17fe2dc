"""What the faces of a batch are, all together, as bars."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Floor

from predictions.models import Face, Status
from predictions.searching import ages_are_searchable, searchable_labels
from training.attribute_names import label_title, title
from vision.attributes import AGE, AGE_BINS

from .contents import predictions_of
from .models import Batch


@dataclass(frozen=True)
class CountBar:
    """How many faces have one label; `percent` of those that have any."""

    label: str
    count: int
    percent: int


@dataclass(frozen=True)
class CountChart:
    title: str
    bars: list[CountBar]


def faces_of(batch: Batch) -> QuerySet[Face]:
    """The faces of all photos that are done."""
    done = predictions_of(batch).order_by().filter(status=Status.DONE)
    return Face.objects.order_by().filter(prediction__in=done)


def charts_of(faces: QuerySet[Face]) -> list[CountChart]:
    """Estimated ages by decade, and the likeliest labels, of the heads that are switched on."""
    charts = [_ages(faces)] if ages_are_searchable() else []
    return [*charts, *(_labels(faces, one.name, one.labels) for one in searchable_labels())]


def _ages(faces: QuerySet[Face]) -> CountChart:
    known = faces.filter(age_years__isnull=False).values(decade=Floor(F("age_years") / 10.0))
    counts = [0] * len(AGE_BINS)
    for decade, count in known.annotate(count=Count("pk")).values_list("decade", "count"):
        counts[min(max(0, int(decade)), len(counts) - 1)] += count
    return CountChart(title(AGE.name), _bars(zip(AGE_BINS, counts, strict=True)))


def _labels(faces: QuerySet[Face], name: str, labels: Iterable[str]) -> CountChart:
    key = f"estimates__{name}__label"
    found = faces.values(key).annotate(count=Count("pk"))
    counts = {row[key]: row["count"] for row in found}
    told = [(label_title(name, label), counts.get(label, 0)) for label in labels]
    return CountChart(title(name), _bars(told))


def _bars(counts: Iterable[tuple[str, int]]) -> list[CountBar]:
    told = list(counts)
    total = sum(count for _label, count in told) or 1
    return [CountBar(label, count, round(100 * count / total)) for label, count in told]
