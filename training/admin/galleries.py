"""The galleries of a dataset: what is behind each reason, and labels to look at."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import title, value_in_words
from training.datasets import annotations, overrides
from training.datasets.galleries import (
    DISPUTED,
    TO_CHECK,
    issue_gallery,
    label_with_issues,
    page_of,
    sizes,
)
from training.eda import dataset_figures
from vision.attributes import AGE, ATTRIBUTES

from ..models import Dataset, LabelIssue, Override, ReasonChoice, Sample, SplitName
from .access import number_of

Deed = Callable[[QuerySet[Sample]], int]


def _deeds(show: str, user: Any) -> dict[str, Deed]:
    """What the buttons of a gallery do to the chosen images; each gives how many it concerned."""
    deeds: dict[str, Deed] = {
        "keep": lambda chosen: overrides.rule(chosen, Override.KEEP),
        "drop": lambda chosen: overrides.rule(chosen, Override.DROP),
        "as_cleaned": lambda chosen: overrides.rule(chosen, Override.NONE),
    }
    if show == TO_CHECK:
        deeds["confirm"] = lambda chosen: annotations.confirm(chosen, user)
    if label := label_with_issues(show):
        deeds["adopt"] = lambda chosen: annotations.adopt_estimates(chosen, user, label)
        deeds["confirm"] = lambda chosen: annotations.confirm(chosen, user, (label,))
    return deeds


def act(dataset: Dataset, request: HttpRequest) -> str:
    """Do what the pressed button says to the ticked images; a sentence that tells what was done."""
    deeds = _deeds(request.GET.get("show", ""), request.user)
    deed = deeds.get(request.POST.get("deed", ""))
    keys = [key for key in request.POST.getlist("image") if number_of(key) is not None]
    if deed is None:
        raise Http404
    count = deed(dataset.samples.filter(pk__in=keys))
    if not count:
        return _("No image was chosen.")
    return ngettext("%(count)d image was changed.", "%(count)d images were changed.", count) % {
        "count": count
    }


def context_of(dataset: Dataset, request: HttpRequest) -> dict[str, Any]:
    """What the gallery's template shows. Raises Http404 for what a gallery cannot show."""
    reasons = {r: n for r, n in dataset_figures.figures(dataset).reasons.items() if r}
    others = sizes(dataset)
    show = request.GET.get("show") or next(iter(reasons), issue_gallery(AGE.name))
    if show not in {*ReasonChoice.values, *others} or show == ReasonChoice.NONE:
        raise Http404
    number = number_of(request.GET.get("page", "1"))
    page = page_of(dataset, show, max(1, number or 1))
    return {
        "dataset": dataset,
        "show": show,
        "lead": _lead(show),
        # Their names alone: a template calls what can be called, and has nothing of it then.
        "deeds": list(_deeds(show, request.user)),
        "searchable": show == TO_CHECK or label_with_issues(show),
        "page": page,
        "clusters": [
            [_card(sample, show, request.user) for sample in cluster] for cluster in page.clusters
        ],
        "links": _links(reasons, others, show),
        "previous": _url(show, page.number - 1) if page.number > 1 else "",
        "next": _url(show, page.number + 1) if page.has_next else "",
        "title": _title(show) % {"name": dataset.name},
    }


def _title(show: str) -> str:
    return _("Label issues of %(name)s") if label_with_issues(show) else _("Images of %(name)s")


def _lead(show: str) -> str:
    """What a gallery shows, in words."""
    if label_with_issues(show):
        return _(
            "Labels that a model which had not seen them would not give, the least likely first. "
            "The model errs too: look before you change one."
        )
    if show == TO_CHECK:
        return _(
            "Test images in random order: half of them have labels that the model doubts, half "
            "do not. Which is which, and what the model estimates, is hidden, because versions "
            "are examined on what you decide. Open an image by its name to change its labels."
        )
    if show == DISPUTED:
        return _(
            "Images that people label differently. A label stays as it was until all agree: open "
            "the image by its name, or exclude it."
        )
    return _(
        "The images excluded for this reason. Images in one frame show the same picture; select "
        "images to override the cleaning. To use an image that has no labels, open it by its "
        "name and enter them."
    )


def _links(reasons: dict[str, int], others: dict[str, int], show: str) -> list[dict[str, Any]]:
    issues = _("%(attribute)s label issues")
    names = {
        **{issue_gallery(name): issues % {"attribute": title(name)} for name in ATTRIBUTES},
        TO_CHECK: _("Test images to check"),
        DISPUTED: _("Disputed"),
    }
    entries = [
        (reason, str(ReasonChoice(reason).label), count) for reason, count in reasons.items()
    ]
    entries += [(key, names[key], count) for key, count in others.items()]
    return [
        {"url": _url(key), "label": label, "count": count, "current": key == show}
        for key, label, count in entries
    ]


def _url(show: str, number: int = 1) -> str:
    return f"?show={show}&page={number}"


def _card(sample: Any, show: str, reader: Any) -> dict[str, Any]:
    """`sample` is one of `training.datasets.galleries.page_of`."""
    return {
        "sample": sample,
        "image": reverse("admin:training_sample_image", args=[sample.pk]) if sample.digest else "",
        "labels": _labels(sample),
        "estimate": _estimate(sample, show),
        "split": SplitName(sample.split).label if sample.split else "",
        "said": annotations.said_of(sample, reader.pk) if show == DISPUTED else (),
        "file": sample.name.rpartition("/")[2],
    }


def _labels(sample: Sample) -> str:
    words = [value_in_words(*said) for said in sample.labels.items()]
    return " · ".join(words) or _("no labels")


def _estimate(sample: Any, show: str) -> str:
    label = label_with_issues(show)
    return LabelIssue(label=label, suggestion=sample.suggestion).in_words if label else ""
