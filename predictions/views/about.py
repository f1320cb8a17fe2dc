"""What the estimates are, and how well the model that serves does."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from training.registry import active_version

# The student deck FaceRoute grew from, on a test split of its own.
_DECK = {
    "age_mae": 6.241,
    "age_mse": 72.025,
    "age_rmse": 8.487,
    "gender_accuracy": 0.917,
    "race3_accuracy": 0.934,
}


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """The model that serves beside the deck, in words and figures."""
    version = active_version()
    figures = version.metrics if version else {}
    names = {
        "age_mae": _("Age, mean absolute error (years)"),
        "age_mse": _("Age, mean squared error"),
        "age_rmse": _("Age, root mean squared error (years)"),
        "gender_accuracy": _("Gender, accuracy"),
        "race3_accuracy": _("Race, accuracy over three labels"),
        "race_accuracy": _("Race, accuracy over five labels"),
    }
    rows = [(name, figures.get(key), _DECK.get(key)) for key, name in names.items()]
    context = {
        "version": version,
        "rows": rows,
        "manifest": version.manifest if version else {},
        "days": settings.PHOTO_LIFETIME.days,
    }
    return render(request, "predictions/about.html", context)
