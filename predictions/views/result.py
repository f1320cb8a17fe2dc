"""One prediction: its page, its live state, its images, and what its owner can do with it."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from predictions import uploads
from predictions.access import owner_of
from predictions.api.serializers import PredictionSerializer
from predictions.failures import explain
from predictions.images import face_crop_response, photo_response
from predictions.models import Prediction, Status
from predictions.presentation import face_boxes, face_cards


@require_safe
def prediction(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The result page; a fragment of it for htmx while the prediction is not finished."""
    template = (
        "predictions/partials/result.html" if _is_fragment(request) else "predictions/result.html"
    )
    return render(request, template, _context(_own(request, pk)))


@require_safe
def card(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The history's card of a prediction, fetched again while it is not finished."""
    return render(
        request, "predictions/partials/card.html", {"entry": history_entry(_own(request, pk))}
    )


@require_safe
def document(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The prediction as JSON, to keep."""
    found = _own(request, pk)
    data = PredictionSerializer(found, context={"request": request}).data
    return HttpResponse(
        json.dumps(data, indent=2, ensure_ascii=False, default=str),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="faceroute-{found.pk}.json"'},
    )


@require_safe
def photo_image(request: HttpRequest, pk: UUID) -> HttpResponse:
    return photo_response(_own(request, pk).photo.image)


@require_safe
def photo_thumbnail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return photo_response(_own(request, pk).photo.thumbnail)


@require_safe
def face_crop(request: HttpRequest, pk: UUID, index: int) -> HttpResponse:
    found = _own(request, pk)
    return face_crop_response(found.photo, get_object_or_404(found.faces, index=index))


@require_POST
def rerun(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Predict the photo again."""
    return redirect("prediction", uploads.rerun(_own(request, pk)).pk)


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a prediction, and its photo with the last one."""
    uploads.delete_prediction(_own(request, pk))
    messages.success(request, _("The photo and its result were deleted."))
    return redirect("history")


def history_entry(found: Prediction) -> dict[str, Any]:
    """What a card shows."""
    return {
        "prediction": found,
        "faces": face_cards(list(found.faces.all())),
        "failure": explain(found.failure_code) if found.failure_code else "",
    }


def _context(found: Prediction) -> dict[str, Any]:
    faces = list(found.faces.all())
    boxes, radius = face_boxes(found.photo, faces)
    ahead = 0
    if found.status == Status.QUEUED:
        ahead = Prediction.objects.filter(
            status=Status.QUEUED, created_at__lt=found.created_at
        ).count()
    return {
        "prediction": found,
        "cards": face_cards(faces),
        "boxes": boxes,
        "radius": radius,
        "ahead": ahead,
        "failure": explain(found.failure_code) if found.failure_code else "",
    }


def _own(request: HttpRequest, pk: UUID) -> Prediction:
    """The visitor's own prediction. Raises Http404 for any other."""
    return get_object_or_404(
        owner_of(request).predictions().select_related("photo", "model_version"), pk=pk
    )


def _is_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
