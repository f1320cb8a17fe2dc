"""Images of a dataset to look at in clusters: behind each reason, where a label has an issue or is
in dispute, and the test images that are to be looked at blind."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import F, QuerySet, Value

from training.models import Dataset, SplitName
from vision.attributes import ATTRIBUTES
from vision.data.cleaning import COPY_REASONS

from .annotations import disputed
from .contents import of_sample

_ISSUES = "doubtful-"
TO_CHECK = "to-check"
DISPUTED = "disputed"
PER_PAGE = 48


@dataclass(frozen=True)
class Page:
    """`clusters`: images that show one picture lie together, the others alone; each is a `Sample`
    with its `split`, and with a `suggestion` where a label of it is flagged."""

    clusters: list[list[Any]]
    number: int
    has_next: bool


def issue_gallery(label: str) -> str:
    """The gallery of images of which a label is flagged, the least likely first."""
    return f"{_ISSUES}{label}"


def label_with_issues(show: str) -> str:
    """The label that a gallery shows issues of; empty for the others."""
    label = show.removeprefix(_ISSUES)
    return label if label != show and label in ATTRIBUTES else ""


def page_of(dataset: Dataset, show: str, number: int = 1) -> Page:
    """The images of a gallery: behind a reason, or one of those above.

    Behind a reason that copies give, a copy comes with all images of its group, whatever their
    reasons are: what contradicts it, or what is used in its stead.
    """
    start = (number - 1) * PER_PAGE
    samples = _samples(dataset)
    if show in COPY_REASONS:
        groups = dataset.samples.filter(reason=show).order_by("group").values_list("group")
        chosen = list(groups.distinct()[start : start + PER_PAGE + 1])
        wanted = [group for (group,) in chosen[:PER_PAGE]]
        mates = samples.filter(group__in=wanted).order_by("group", "name")
        clusters = [list(members) for _, members in groupby(mates, lambda s: s.group)]
        return Page(clusters, number, len(chosen) > PER_PAGE)
    found = list(_single(dataset, samples, show)[start : start + PER_PAGE + 1])
    return Page([[sample] for sample in found[:PER_PAGE]], number, len(found) > PER_PAGE)


def _single(dataset: Dataset, samples: QuerySet[Any], show: str) -> QuerySet[Any]:
    if label := label_with_issues(show):
        flagged = samples.filter(label_issues__label=label).exclude(split=SplitName.TEST)
        flagged = flagged.order_by("-label_issues__score", "pk")
        ranked: QuerySet[Any] = flagged.annotate(suggestion=F("label_issues__suggestion"))
        return ranked
    if show == TO_CHECK:
        # In an order that tells nothing of which the model doubts.
        return samples.filter(to_check=True).order_by("digest", "pk")
    if show == DISPUTED:
        return samples.filter(pk__in=disputed(dataset).values("pk")).order_by("pk")
    return samples.filter(reason=show).order_by("pk")


def sizes(dataset: Dataset) -> dict[str, int]:
    """How many images each gallery shows, but for those behind reasons."""
    samples = _samples(dataset)
    shows = [*map(issue_gallery, ATTRIBUTES), TO_CHECK, DISPUTED]
    return {show: _single(dataset, samples, show).count() for show in shows}


def _samples(dataset: Dataset) -> QuerySet[Any]:
    return dataset.samples.annotate(split=of_sample("split", Value("")))
