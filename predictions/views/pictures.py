"""The photo of a prediction to look at and to keep: with its faces marked, or covered."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.http import require_safe

from predictions.pictures import annotated_response, anonymised_response

from .result import own_prediction


@require_safe
def annotated(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _to_keep(request, annotated_response(own_prediction(request, pk)), f"annotated-{pk}")


@require_safe
def anonymised(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Which faces, and how: see `anonymised_response`."""
    try:
        response = anonymised_response(own_prediction(request, pk), request.GET)
    except ValidationError as error:
        return HttpResponseBadRequest(" ".join(error.messages), "text/plain; charset=utf-8")
    return _to_keep(request, response, f"anonymised-{pk}")


def _to_keep(request: HttpRequest, response: HttpResponse, name: str) -> HttpResponse:
    """A picture to be saved and not shown where the request asks for a `download`."""
    if "download" in request.GET and response.status_code == 200:
        response["Content-Disposition"] = f'attachment; filename="faceroute-{name}.jpg"'
    return response
