"""What the estimates are, and how well the model that serves does."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from training.registry.figures import DECK_METRICS, figure_text, metric_names, metrics_of
from training.registry.licences import licence_in_words
from training.registry.versions import active_version


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """The model that serves beside the deck, in words and figures."""
    version = active_version()
    figures = metrics_of(version) if version else {}
    rows = [
        (name, _in_words(figures, key), _in_words(DECK_METRICS, key))
        for key, name in metric_names().items()
    ]
    context = {
        "version": version,
        "rows": rows,
        "licence": licence_in_words(version.manifest) if version else "",
        "days": settings.PHOTO_LIFETIME.days,
    }
    return render(request, "predictions/about.html", context)


def _in_words(figures: Mapping[str, Any], name: str) -> str:
    """A figure as result pages tell it: accuracies in per cent."""
    value = figures.get(name)
    if value is None or not name.endswith("_accuracy"):
        return figure_text(figures, name)
    return f"{100 * value:.1f}%"
