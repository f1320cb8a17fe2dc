"""Batches in the browser: the page of one, and what its scripts send and ask."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from predictions.access import owner_of
from predictions.api.error_responses import body_of, refusal_of
from predictions.batches import archives, deletion, steering
from predictions.batches.archives import ArchiveRefused, PieceMisplaced
from predictions.batches.file_names import stem_of
from predictions.batches.joining import BatchRefused
from predictions.batches.models import Batch
from predictions.batches.progress import (
    Outcome,
    archive_figures,
    newest_outcomes,
    progress_of,
)
from predictions.batches.results import rows
from predictions.batches.sending import send_photo
from predictions.exports import table_response
from predictions.receipts import LONGEST_KEY, key_of_one
from predictions.uploads import UploadRefused
from vision.errors import PhotoError

_DIGITS = 16  # that no size or offset has

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def answering_in_json(view: View[P]) -> View[P]:
    """What the view refuses is answered as the API would: `{"code", "message"}`."""

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (PhotoError, UploadRefused, BatchRefused, ArchiveRefused) as error:
            refusal = refusal_of(error)
            headers = {"Retry-After": str(wait)} if (wait := getattr(refusal, "wait", None)) else {}
            body = body_of(refusal)
            if isinstance(error, PieceMisplaced):
                body["received"] = error.received
            return JsonResponse(body, status=refusal.status_code, headers=headers)

    return answer


def back_to_page(view: View[P]) -> View[P]:
    """A form of the batch's page is answered with that page, which says what was refused."""

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if "text/html" not in request.headers.get("Accept", ""):
            return response
        if response.status_code >= 400:
            messages.error(request, json.loads(response.content)["message"])
        return redirect("batch", kwargs["pk"])

    return answer


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Begin a batch."""
    batch = steering.create(owner_of(request, sends=True), request.POST.get("name", ""))
    return JsonResponse(_named(batch), status=201)


@require_safe
def progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a batch is, and what came out last."""
    batch = own_batch(request, pk)
    told = progress_of(batch)
    return JsonResponse(
        {
            "id": str(batch.pk),
            "name": batch.name,
            "state": told.state,
            "counts": told.counts,
            "photos": told.photos,
            "faces": told.faces,
            "rate_per_minute": told.rate_per_minute,
            "seconds_left": told.seconds_left,
            "archives": [archive_figures(one) for one in batch.archives.all()],
            "outcomes": [_outcome(one) for one in newest_outcomes(batch)],
        }
    )


@require_POST
@answering_in_json
def send(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add one photo to a batch."""
    batch = own_batch(request, pk)
    file = request.FILES.get("photo")
    if file is None:
        message = _("Please send the photo itself, as a file in the field “photo”.")
        return JsonResponse({"code": "invalid", "message": message}, status=400)
    token = request.headers.get("Idempotency-Key") or request.POST.get("token", "")
    key = key_of_one(token[:LONGEST_KEY], file)
    made = send_photo(batch, owner_of(request, sends=True), file, key)
    url = reverse("prediction", args=[made.pk])
    return JsonResponse({"prediction": str(made.pk), "url": url}, status=202)


@require_POST
@answering_in_json
def announce(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Begin to send a zip, whose pieces follow."""
    batch = own_batch(request, pk)
    size = request.POST.get("bytes", "")
    if not (size.isascii() and size.isdecimal() and len(size) < _DIGITS and int(size)):
        message = _("Please say in “bytes” how long the zip file is.")
        return JsonResponse({"code": "invalid", "message": message}, status=400)
    name = request.POST.get("name", "")
    archive = archives.announce(batch, owner_of(request), name, int(size))
    return JsonResponse(archive_figures(archive), status=201)


@require_http_methods(["GET", "HEAD", "PUT"])
@answering_in_json
def archive(request: HttpRequest, pk: UUID, archive: UUID) -> HttpResponse:
    """How far a zip is; a put adds a piece of it."""
    found = get_object_or_404(own_batch(request, pk).archives, pk=archive)
    if request.method != "PUT":
        return JsonResponse(archive_figures(found))
    offset = request.GET.get("offset", "")
    if not (offset.isascii() and offset.isdecimal() and len(offset) < _DIGITS):
        raise PieceMisplaced(found.received)
    piece = request.read(settings.ARCHIVE_PIECE_BYTES + 1)
    return JsonResponse({"received": archives.receive(found, int(offset), piece)})


@require_POST
@back_to_page
@answering_in_json
def steer(request: HttpRequest, pk: UUID, *, what: str) -> HttpResponse:
    """Pause a batch, let it go on, cancel it, or try again what failed; its progress then."""
    batch = own_batch(request, pk)
    match what:
        case "pause":
            steering.pause(batch)
        case "resume":
            steering.resume(batch)
        case "cancel":
            steering.cancel(batch)
        case "retry":
            steering.retry(batch, owner_of(request))
    return JsonResponse({**_named(batch), "state": progress_of(batch).state})


@require_safe
def csv(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The table of a batch for spreadsheets."""
    return _table(request, pk, "csv")


@require_safe
def jsonl(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The table of a batch for programs."""
    return _table(request, pk, "jsonl")


@require_safe
def xlsx(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The table of a batch as an Excel workbook."""
    return _table(request, pk, "xlsx")


@require_POST
@back_to_page
def rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    batch = own_batch(request, pk)
    steering.rename(batch, request.POST.get("name", ""))
    return JsonResponse(_named(batch))


@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a batch with all its photos; leads to the list of batches."""
    is_through = deletion.delete(own_batch(request, pk))
    if is_through:
        messages.success(request, _("The batch and its photos were deleted."))
    else:
        messages.info(request, _("The batch is being deleted. This takes a few minutes."))
    return redirect("batches")


def _table(request: HttpRequest, pk: UUID, kind: str) -> HttpResponseBase:
    batch = own_batch(request, pk)
    return table_response(rows(batch), stem_of(batch), kind)


def own_batch(request: HttpRequest, pk: UUID) -> Batch:
    """The visitor's own batch. Raises Http404 for any other."""
    return get_object_or_404(owner_of(request).batches(), pk=pk)


def _named(batch: Batch) -> dict[str, Any]:
    url = reverse("batch", args=[batch.pk])
    return {"id": str(batch.pk), "name": batch.name, "url": url}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    """A line of the page's list. `status`: `done`, `failed` or `refused`."""
    made = outcome.prediction
    return {
        "name": outcome.name,
        "status": made.status if made else "refused",
        "url": reverse("prediction", args=[made.pk]) if made else None,
        "thumbnail": reverse("photo_thumbnail", args=[made.pk]) if made else None,
        "faces": made.face_count if made else None,
        "failure": outcome.failure,
    }
