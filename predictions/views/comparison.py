"""Two results of one photo side by side."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from predictions.comparison import compare
from predictions.marks import marks_of
from predictions.models import Prediction, Status
from predictions.side_by_side import face_rows, what_changed

from .result import own_prediction


@require_safe
def comparison(request: HttpRequest, pk: UUID, other: UUID) -> HttpResponse:
    """What two results of one photo say of its faces, the earlier result first."""
    both = sorted(
        (own_prediction(request, key) for key in (pk, other)),
        key=lambda one: (one.created_at, one.pk),
    )
    if both[0].photo_id != both[1].photo_id:
        raise Http404
    return render(request, "predictions/comparison.html", {"results": both, **_compared(*both)})


def _compared(earlier: Prediction, later: Prediction) -> dict[str, Any]:
    """What there is to compare; nothing where a result is missing."""
    if earlier.status != Status.DONE or later.status != Status.DONE:
        return {}
    found = compare(earlier, later)
    rows = face_rows(found)
    marks, radius = marks_of(later.photo, [one.face for one in rows])
    return {
        "is_compared": True,
        "changed": what_changed(found),
        "faces": rows,
        "marks": [replace(mark, number=number) for number, mark in enumerate(marks, 1)],
        "radius": radius,
    }
