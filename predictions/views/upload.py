"""Sending photos from the browser: one request a photo by the page's script, or all in one form."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from predictions.access import owner_of
from predictions.api.error_responses import refusal_of
from predictions.batches.models import Batch
from predictions.messages import in_words
from predictions.models import Prediction
from predictions.receipts import key_of_one, new_token
from predictions.uploads import UploadRefused, accept_photo
from predictions.visitors import introduce
from vision.errors import PhotoError
from vision.photos.formats import ACCEPT, FORMAT_NAMES

from .batches import answering_in_json

HANDFUL = 8  # photos; more than so many, sent at once, are a batch


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The upload page; a post of its form leads to the result, or to the history for several
    photos. Where nothing is taken now but later, it is answered with the page, 503 or 429."""
    if request.method == "POST":
        return _send(request)
    if not request.user.is_authenticated:
        introduce(request)
    return _page(request, new_token())


@require_POST
@answering_in_json
def send_photo(request: HttpRequest) -> HttpResponse:
    """Take one photo: 202 with where its result will be, or the API's answer to what is wrong.

    Sent once more with the same `token`, it is the same photo, not another one.
    """
    file = request.FILES.get("photo")
    if file is None:
        document = {"code": "invalid", "message": _("Please choose at least one photo.")}
        return JsonResponse(document, status=400)
    owner = owner_of(request, sends=True)
    made = accept_photo(owner, file, key_of_one(request.POST.get("token", ""), file))
    document = {"prediction": str(made.pk), "url": reverse("prediction", args=[made.pk])}
    return JsonResponse(document, status=202)


def _page(request: HttpRequest, token: str) -> HttpResponse:
    context = {"limits": _limits(), "token": token, "batch": _batch(request)}
    return render(request, "predictions/upload.html", context)


def _batch(request: HttpRequest) -> Batch | None:
    """The visitor's batch that the photos are to be added to, named in the address."""
    try:
        key = UUID(request.GET.get("batch", ""))
    except ValueError:
        return None
    return owner_of(request).batches().filter(pk=key).first()


def _limits() -> dict[str, Any]:
    return {
        "bytes": settings.PHOTO_MAX_BYTES,
        "megabytes": settings.PHOTO_MAX_BYTES // 2**20,
        "megapixels": settings.PHOTO_MAX_PIXELS // 1_000_000,
        "form_photos": settings.PHOTOS_PER_UPLOAD,
        "photos": settings.PHOTOS_PER_BATCH,
        "handful": HANDFUL,
        "zip_bytes": settings.ARCHIVE_MAX_BYTES,
        "zip_gigabytes": f"{settings.ARCHIVE_MAX_BYTES / 2**30:.3g}",
        "days": settings.PHOTO_LIFETIME.days,
        "formats": FORMAT_NAMES.replace("8-bit TIFF", _("8-bit TIFF")),
        "accept": ACCEPT,
    }


def _send(request: HttpRequest) -> HttpResponse:
    """Accept what a form without the script posted."""
    files = request.FILES.getlist("photos")
    if not files:
        messages.error(request, _("Please choose at least one photo."))
    accepted, later = _accept_each(request, files)
    if not accepted and later:
        # Under the same token, so that what is sent once more, however, is taken once.
        page = _page(request, request.POST.get("token") or new_token())
        page.status_code, page["Retry-After"] = later
        return page
    if not accepted:
        return redirect("upload")
    if len(files) == 1:
        return redirect("prediction", accepted[0].pk)
    return redirect("history")


Later = tuple[int, str]
"""A status that means “not now”, and in how many seconds to try again."""


def _accept_each(
    request: HttpRequest, files: "list[UploadedFile[bytes]]"
) -> tuple[list[Prediction], Later | None]:
    """What is accepted, and what to say of the rest where that may be accepted later.

    Every photo has its own outcome; a refused one does not hold up the others.
    """
    owner, token = owner_of(request, sends=bool(files)), request.POST.get("token", "")
    limit = settings.PHOTOS_PER_UPLOAD
    accepted: list[Prediction] = []
    for number, file in enumerate(files[:limit]):
        try:
            accepted.append(accept_photo(owner, file, key_of_one(token, file)))
        except PhotoError as error:
            messages.error(request, f"{file.name}: {in_words(error.message)}")
        except UploadRefused as error:
            messages.error(request, in_words(error.message))
            if accepted:
                names = ", ".join(str(one.name) for one in files[number:])
                messages.error(request, _("Not taken: %(names)s") % {"names": names})
            return accepted, _later(error)
    if len(files) > limit:
        messages.warning(
            request,
            _("Only the first %(limit)d photos were accepted. Please send the others separately.")
            % {"limit": limit},
        )
    return accepted, None


def _later(error: UploadRefused) -> Later | None:
    refusal = refusal_of(error)
    seconds = getattr(refusal, "wait", None)
    return (refusal.status_code, str(seconds)) if seconds else None
