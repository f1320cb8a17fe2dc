"""Photos to look at and to keep, with their faces marked, or covered: one, or those of a batch."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from predictions.batches.pictures import pictures_response
from predictions.pictures import annotated_response, anonymised_response, drawing_of

from .batches import own_batch
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
        return _refused(error)
    return _to_keep(request, response, f"anonymised-{pk}")


@require_safe
def of_batch(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The pictures of all photos of a batch in a zip; of which kind, see `drawing_of`."""
    batch = own_batch(request, pk)
    try:
        return pictures_response(batch, *drawing_of(request.GET))
    except ValidationError as error:
        return _refused(error)


def _refused(error: ValidationError) -> HttpResponse:
    return HttpResponseBadRequest(" ".join(error.messages), "text/plain; charset=utf-8")


def _to_keep(request: HttpRequest, response: HttpResponse, name: str) -> HttpResponse:
    """A picture to be saved and not shown where the request asks for a `download`."""
    if "download" in request.GET and response.status_code == 200:
        response["Content-Disposition"] = f'attachment; filename="faceroute-{name}.jpg"'
    return response
