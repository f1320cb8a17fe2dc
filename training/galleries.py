"""Images of a dataset to look at in clusters: behind each reason, and where a label is doubted."""

from dataclasses import dataclass
from itertools import groupby

from django.db.models import QuerySet

from vision.cleaning import COPY_REASONS

from .models import Dataset, Sample

DOUBTS = "doubts"
PER_PAGE = 48


@dataclass(frozen=True)
class Page:
    """`clusters`: images that show one picture lie together, the others alone."""

    clusters: list[list[Sample]]
    number: int
    has_next: bool


def page_of(dataset: Dataset, show: str, number: int = 1) -> Page:
    """The images behind a reason, or for `DOUBTS` those whose label the model doubts most.

    Behind a reason that copies give, a copy comes with all images of its group, whatever their
    reasons are: what contradicts it, or what is used in its stead.
    """
    start = (number - 1) * PER_PAGE
    if show in COPY_REASONS:
        groups = dataset.samples.filter(reason=show).order_by("group").values_list("group")
        chosen = list(groups.distinct()[start : start + PER_PAGE + 1])
        wanted = [group for (group,) in chosen[:PER_PAGE]]
        mates = dataset.samples.filter(group__in=wanted).order_by("group", "name")
        clusters = [list(members) for _, members in groupby(mates, lambda s: s.group)]
        return Page(clusters, number, len(chosen) > PER_PAGE)
    found = list(_single(dataset, show)[start : start + PER_PAGE + 1])
    return Page([[sample] for sample in found[:PER_PAGE]], number, len(found) > PER_PAGE)


def _single(dataset: Dataset, show: str) -> QuerySet[Sample]:
    if show == DOUBTS:
        return dataset.samples.exclude(doubt=None).order_by("-doubt", "pk")
    return dataset.samples.filter(reason=show).order_by("pk")
