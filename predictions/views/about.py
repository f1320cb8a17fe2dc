"""What the estimates are, and how well the model that serves does."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from training.registry.figures import DECK_METRICS, figure_text, metric_names, metrics_of
from training.registry.versions import active_version


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """The model that serves beside the deck, in words and figures."""
    version = active_version()
    figures = metrics_of(version) if version else {}
    rows = [
        (name, figure_text(figures, key), figure_text(DECK_METRICS, key))
        for key, name in metric_names().items()
    ]
    context = {
        "version": version,
        "rows": rows,
        "manifest": version.manifest if version else {},
        "days": settings.PHOTO_LIFETIME.days,
    }
    return render(request, "predictions/about.html", context)
