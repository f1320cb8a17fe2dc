"""One prediction: its page, its live state, its images, and what its owner can do with it."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from predictions import uploads
from predictions.access import owner_of
from predictions.api.serializers import PredictionSerializer
from predictions.batches.neighbours import neighbours_of
from predictions.comparison import compare, others_of_photo
from predictions.forms import CorrectionForm
from predictions.images import face_crop_response, photo_response
from predictions.marks import marks_of
from predictions.messages import explained, in_words
from predictions.models import Face, Prediction, Status
from predictions.presentation import face_cards, face_table, own_labels
from predictions.queue_place import place_of
from predictions.side_by_side import what_changed
from predictions.tables import as_csv, columns, rows
from predictions.waiting import preferred_wait, waiting_of
from predictions.worth import worth_by
from training.registry.versions import serving_name
from vision.attributes import SHIPPED

_MOST_OTHERS = 10  # results of the same photo that a page lists
_TABLE_FROM = 10  # faces: of so many cards nobody keeps track


@require_safe
def prediction(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The result page; a fragment of it for htmx while the prediction is not finished."""
    found = own_prediction(request, pk)
    if not is_fragment(request):
        return render(request, "predictions/result.html", result_context(found))
    waiting = waiting_of(request)
    if not found.is_finished and not waiting.is_over:
        waiting.until_finished(found.pk, preferred_wait(request))
    context = {**result_context(found), "came_at_once": not waiting.is_over}
    return render(request, "predictions/partials/result.html", context)


@require_safe
def card(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The history's card, or row, of a prediction, fetched again while it is not finished."""
    partial = "row" if request.GET.get("view") == "table" else "card"
    found = own_prediction(request, pk)
    prefetch_related_objects([found], "faces__correction")
    entry = history_entry(found)
    return render(request, f"predictions/partials/{partial}.html", {"entry": entry})


@require_safe
def document(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The prediction as JSON, to keep."""
    found = own_prediction(request, pk)
    prefetch_related_objects([found], "faces__correction")
    data = PredictionSerializer(found, context={"request": request}).data
    return HttpResponse(
        json.dumps(data, indent=2, ensure_ascii=False, default=str),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="faceroute-{found.pk}.json"'},
    )


@require_safe
def table(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The prediction as a CSV file, one row a face."""
    found = own_prediction(request, pk)
    prefetch_related_objects([found], "faces__correction")
    return HttpResponse(
        as_csv(columns(), rows([found])),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="faceroute-{found.pk}.csv"'},
    )


@require_safe
def photo_image(request: HttpRequest, pk: UUID) -> HttpResponse:
    return photo_response(own_prediction(request, pk).photo.image)


@require_safe
def photo_thumbnail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return photo_response(own_prediction(request, pk).photo.thumbnail)


@require_safe
def face_crop(request: HttpRequest, pk: UUID, index: int) -> HttpResponse:
    found = own_prediction(request, pk)
    return face_crop_response(found.photo, get_object_or_404(found.faces, index=index))


@require_POST
def rerun(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Predict the photo again."""
    found = own_prediction(request, pk)
    try:
        found = uploads.rerun(found, by=owner_of(request))
    except uploads.UploadRefused as error:
        messages.error(request, in_words(error.message))
    return redirect("prediction", found.pk)


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a prediction, and its photo with the last one."""
    uploads.delete_prediction(own_prediction(request, pk))
    messages.success(request, _("The photo and its result were deleted."))
    return redirect("history")


def is_table(faces: int) -> bool:
    """Whether so many faces have a row each in place of a card."""
    return faces >= _TABLE_FROM


def history_entry(found: Prediction) -> dict[str, Any]:
    """What a card shows; `lines`: its faces, those of which nothing is said as one."""
    faces = face_cards(list(found.faces.all()))
    untold = [card for card in faces if card.face.is_withheld and not card.own]
    return {
        "prediction": found,
        "faces": faces,
        "lines": [card for card in faces if card not in untold[1:]],
        "failure": found.failure,
    }


def correction_panel(face: Face, form: CorrectionForm | None = None) -> dict[str, Any]:
    """What the panel below a face's estimates shows: what was said of it, and a form where that
    was asked for."""
    own = own_labels(face)
    return {
        "face": face,
        "number": face.index + 1,
        "correction": getattr(face, "correction", None),
        "said": own.values(),
        "is_complete": set(SHIPPED) <= own.keys(),
        "form": form,
    }


def result_context(
    found: Prediction, forms: Mapping[int, CorrectionForm] | None = None
) -> dict[str, Any]:
    """What the result page shows; `forms`: those of corrections that are open, by the face's
    index."""
    forms = forms or {}
    faces = list(found.faces.select_related("correction"))
    panels = [correction_panel(face, forms.get(face.index)) for face in faces]
    cards = face_cards(faces, worth_by(found.model_version))
    table = face_table(cards)
    marks, radius = marks_of(found.photo, faces)
    return {
        "prediction": found,
        "warnings": explained(found.photo.warnings),
        "cards": list(zip(cards, panels, table.cells, strict=True)),
        "as_table": is_table(len(faces)),
        "columns": table.columns,
        "marks": marks,
        "radius": radius,
        "batch": neighbours_of(found.photo),
        "place": place_of(found),
        "failure": found.failure,
        "serving": serving_name(),
        **_other_results(found),
    }


def _other_results(found: Prediction) -> dict[str, Any]:
    """The other results of the same photo, and what changed since the one before."""
    others = others_of_photo(found, _MOST_OTHERS + 1)
    earlier = [one for one in others if one.created_at < found.created_at]
    before = next((one for one in earlier if one.status == Status.DONE), None)
    comparable = before is not None and found.status == Status.DONE
    return {
        "others": others[:_MOST_OTHERS],
        "more_others": len(others) > _MOST_OTHERS,
        "before": before if comparable else None,
        "changed": what_changed(compare(before, found)) if before and comparable else "",
    }


def own_prediction(request: HttpRequest, pk: UUID) -> Prediction:
    """The visitor's own prediction. Raises Http404 for any other."""
    return get_object_or_404(
        owner_of(request).predictions().select_related("photo__batch", "model_version"), pk=pk
    )


def is_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
