"""The gallery of a dataset: what is behind each reason, and labels that the model doubts."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import eda, rulings
from ..galleries import DOUBTS, page_of
from ..models import Dataset, ReasonChoice, Ruling, Sample

# What the buttons of the gallery do to the chosen images; each gives how many it concerned.
DEEDS: dict[str, Callable[[QuerySet[Sample]], int]] = {
    "keep": lambda chosen: rulings.rule(chosen, Ruling.KEEP),
    "drop": lambda chosen: rulings.rule(chosen, Ruling.DROP),
    "as_cleaned": lambda chosen: rulings.rule(chosen, Ruling.NONE),
    "adopt": rulings.adopt_estimates,
    "confirm": rulings.confirm_labels,
}


def act(dataset: Dataset, request: HttpRequest) -> str:
    """Do what the pressed button says to the ticked images; a sentence that tells what was done."""
    deed = DEEDS.get(request.POST.get("deed", ""))
    keys = [key for key in request.POST.getlist("image") if key.isdecimal()]
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
    reasons = {r: n for r, n in eda.figures(dataset).reasons.items() if r}
    doubts = dataset.samples.exclude(doubt=None).count()
    show = request.GET.get("show") or next(iter(reasons), DOUBTS)
    if show not in {*ReasonChoice.values, DOUBTS} or show == ReasonChoice.NONE:
        raise Http404
    number = request.GET.get("page", "1")
    page = page_of(dataset, show, max(1, int(number)) if number.isdecimal() else 1)
    return {
        "dataset": dataset,
        "show": show,
        "doubted": show == DOUBTS,
        "page": page,
        "clusters": [[_card(sample) for sample in cluster] for cluster in page.clusters],
        "links": _links(reasons, doubts, show),
        "previous": _url(show, page.number - 1) if page.number > 1 else "",
        "next": _url(show, page.number + 1) if page.has_next else "",
        "title": _("%(name)s, image by image") % {"name": dataset.name},
    }


def _links(reasons: dict[str, int], doubts: int, show: str) -> list[dict[str, Any]]:
    entries = [(reason, ReasonChoice(reason).label, count) for reason, count in reasons.items()]
    entries.append((DOUBTS, gettext_lazy("Doubtful labels"), doubts))
    return [
        {"url": _url(key), "label": label, "count": count, "current": key == show}
        for key, label, count in entries
    ]


def _url(show: str, number: int = 1) -> str:
    return f"?show={show}&page={number}"


def _card(sample: Sample) -> dict[str, Any]:
    return {
        "sample": sample,
        "image": reverse("admin:training_sample_image", args=[sample.pk]) if sample.digest else "",
        "labels": _labels(sample),
        "estimate": _estimate(sample),
        "file": sample.name.rpartition("/")[2],
    }


def _labels(sample: Sample) -> str:
    if sample.age is None:
        return _("no labels")
    return f"{sample.age} · {sample.get_gender_display()} · {sample.get_race_display()}"


def _estimate(sample: Sample) -> str:
    return rulings.estimate_in_words(sample) if sample.suggestion else ""
