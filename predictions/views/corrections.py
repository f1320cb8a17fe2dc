"""A visitor's correction of a face: given, changed, taken back."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from predictions import corrections
from predictions.forms import CorrectionForm
from predictions.models import Face, Prediction
from predictions.presentation import own_labels

from .result import correction_panel, is_fragment, is_table, own_prediction, result_context


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, pk: UUID, index: int) -> HttpResponse:
    """The form of a correction; a post keeps it, or shows what is wrong with it."""
    found = own_prediction(request, pk)
    face = get_object_or_404(found.faces.select_related("correction"), index=index)
    if not face.may_be_corrected:
        raise Http404
    if request.method != "POST":
        said = getattr(face, "correction", None)
        return _form(request, found, face, CorrectionForm(index + 1, correction=said))
    form = CorrectionForm(index + 1, request.POST)
    if not form.is_valid():
        return _form(request, found, face, form)
    try:
        corrections.correct(face, form.labels, consents=form.consents)
    except Face.DoesNotExist:  # deleted in another tab, in this very moment
        raise Http404 from None
    return _answer(request, found, face, _("Your correction was saved."))


@require_POST
def take_back(request: HttpRequest, pk: UUID, index: int) -> HttpResponse:
    """Forget a correction."""
    found = own_prediction(request, pk)
    face = get_object_or_404(found.faces, index=index)
    corrections.take_back(face)
    return _answer(request, found, face, _("Your correction was withdrawn."))


def _form(
    request: HttpRequest, found: Prediction, face: Face, form: CorrectionForm
) -> HttpResponse:
    if is_fragment(request):
        return _panel(request, found, correction_panel(face, form))
    return render(request, "predictions/result.html", result_context(found, {face.index: form}))


def _answer(request: HttpRequest, found: Prediction, face: Face, words: str) -> HttpResponse:
    if is_fragment(request):
        fresh = Face.objects.select_related("correction").get(pk=face.pk)
        panel = {**correction_panel(fresh), "words": words}
        if is_table(found.faces.count()):  # the row of the face is brought up to date
            own = own_labels(fresh)
            panel["beside"] = [(name, own.get(name, "")) for name in settings.HEADS]
        return _panel(request, found, panel)
    messages.success(request, words)
    return redirect(reverse("prediction", args=[found.pk]) + f"#face-{face.index + 1}")


def _panel(request: HttpRequest, found: Prediction, panel: dict[str, Any]) -> HttpResponse:
    context = {"prediction": found, "panel": panel}
    return render(request, "predictions/partials/correction.html", context)
