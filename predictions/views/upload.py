"""Sending photos from the browser."""

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from predictions.access import owner_of
from predictions.messages import in_words
from predictions.models import Prediction
from predictions.receipts import key_of_one, new_token
from predictions.uploads import UploadRefused, accept_photo
from predictions.visitors import introduce
from vision.errors import PhotoError
from vision.photos.formats import ACCEPT, FORMAT_NAMES


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The upload page; a post leads to the result, or to the history for several photos."""
    if request.method != "POST":
        if not request.user.is_authenticated:
            introduce(request)
        limits = {
            "megabytes": settings.PHOTO_MAX_BYTES // 2**20,
            "megapixels": settings.PHOTO_MAX_PIXELS // 1_000_000,
            "photos": settings.PHOTOS_PER_UPLOAD,
            "days": settings.PHOTO_LIFETIME.days,
            "formats": FORMAT_NAMES,
            "accept": ACCEPT,
        }
        return render(request, "predictions/upload.html", {"limits": limits, "token": new_token()})
    target = _send(request)
    if request.headers.get("Accept") == "application/json":
        # The page's script goes there itself: a redirect it followed would use up the messages.
        return JsonResponse({"next": target})
    return redirect(target)


def _send(request: HttpRequest) -> str:
    """Accept what was posted; where to look next."""
    files = request.FILES.getlist("photos")
    if not files:
        messages.error(request, _("Please choose at least one photo."))
    accepted = _accept_each(request, files)
    if not accepted:
        return reverse("upload")
    if len(files) == 1:
        return reverse("prediction", args=[accepted[0].pk])
    return reverse("history")


def _accept_each(request: HttpRequest, files: "list[UploadedFile[bytes]]") -> list[Prediction]:
    """Every photo has its own outcome; a refused one does not hold up the others."""
    owner = owner_of(request, sends=bool(files))
    token = request.POST.get("token", "")
    accepted = []
    for file in files[: settings.PHOTOS_PER_UPLOAD]:
        try:
            accepted.append(accept_photo(owner, file, key_of_one(token, file)))
        except PhotoError as error:
            messages.error(request, f"{file.name}: {in_words(error.message)}")
        except UploadRefused as error:
            messages.error(request, in_words(error.message))
            break
    if len(files) > settings.PHOTOS_PER_UPLOAD:
        messages.warning(
            request,
            _("Only the first %(limit)d photos were accepted. Please send the others separately.")
            % {"limit": settings.PHOTOS_PER_UPLOAD},
        )
    return accepted
