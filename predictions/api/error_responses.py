"""Every error of the API in one shape: `{"code", "message", "fields"?}`."""

from typing import Any, TypeAlias

from django.conf import settings
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFilesSent,
)
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from predictions.batches.archives import ArchiveRefused, ArchiveTooLarge
from predictions.batches.joining import BatchGone, BatchRefused
from predictions.messages import in_words
from predictions.uploads import (
    AccountGone,
    AlreadyDeleted,
    KeyReused,
    QuotaExceeded,
    UploadRefused,
)
from training import messages
from training.jobs.lifecycle import JobRefused
from vision.errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported, VisionError
from vision.training.recipe import RecipeInvalid

NotTaken: TypeAlias = PhotoError | UploadRefused | BatchRefused | ArchiveRefused
"""What says why a photo, or a zip of them, is not taken."""


class PhotoRefused(exceptions.APIException):
    """An upload that is no usable photo, with the status that says why."""

    def __init__(self, error: PhotoError) -> None:
        super().__init__(in_words(error.message), error.code)
        self.status_code = _photo_status(error)


class RequestTooLarge(exceptions.APIException):
    """A body that cannot hold photos of the allowed size alone."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self) -> None:
        message = _("The request is too large. Please send smaller or fewer photos.")
        super().__init__(message, PhotoTooLarge.code)


class TooManyPhotos(exceptions.ValidationError):
    """More photos in one request than it may hold."""

    def __init__(self) -> None:
        message = _("Please send at most %(limit)d photos at once.")
        super().__init__({"photo": [message % {"limit": settings.PHOTOS_PER_UPLOAD}]})


class QuotaUsedUp(exceptions.Throttled):
    """Too many photos in an hour; `Retry-After` says when the next one is taken."""

    def __init__(self, error: QuotaExceeded) -> None:
        super().__init__(wait=error.retry_after)
        self.detail = exceptions.ErrorDetail(in_words(error.message), error.code)


class KeyInUse(exceptions.APIException):
    """An `Idempotency-Key` that stands for another photo."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


class Gone(exceptions.APIException):
    """What is sent once more was deleted since it was taken."""

    status_code = status.HTTP_410_GONE


class BatchConflict(exceptions.APIException):
    """A batch that is in no state to do what is asked for."""

    status_code = status.HTTP_409_CONFLICT


class ArchiveTooLong(exceptions.APIException):
    """A zip of more bytes than one may have."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class StorageAway(exceptions.APIException):
    """Nothing can be stored at the moment; `Retry-After` says when to try again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = 10  # seconds


_REFUSALS: dict[type[VisionError], type[exceptions.APIException]] = {
    KeyReused: KeyInUse,
    AlreadyDeleted: Gone,
    AccountGone: exceptions.AuthenticationFailed,
    BatchGone: exceptions.NotFound,
    BatchRefused: BatchConflict,
    ArchiveTooLarge: ArchiveTooLong,
    ArchiveRefused: BatchConflict,
}


class Conflict(exceptions.APIException):
    """A run that may not start now."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, error: JobRefused) -> None:
        super().__init__(messages.in_words(error.message), error.code)


class RecipeRefused(exceptions.APIException):
    """A recipe that cannot be trained."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, error: RecipeInvalid) -> None:
        super().__init__(messages.in_words(error.message), error.code)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler, giving the one shape; what it does not know stays a 500."""
    known = _known(error)
    response = exception_handler(known, context)
    if response is not None and isinstance(known, exceptions.APIException):
        response.data = body_of(known)
    return response


def entry_error(
    error: PhotoError | UploadRefused | BatchRefused | ArchiveRefused,
) -> dict[str, Any]:
    """The body that `error` would be answered with, for one photo of several."""
    return body_of(refusal_of(error))


def refusal_of(
    error: PhotoError | UploadRefused | BatchRefused | ArchiveRefused,
) -> exceptions.APIException:
    """What a photo that is not taken is answered with."""
    match error:
        case PhotoError():
            return PhotoRefused(error)
        case QuotaExceeded():
            return QuotaUsedUp(error)
    kind = next((kind for one, kind in _REFUSALS.items() if isinstance(error, one)), StorageAway)
    return kind(in_words(error.message), error.code)


def _known(error: Exception) -> Exception:
    """The API's own error for one of Django's or the domain's; any other as it is."""
    match error:
        case PhotoError() | UploadRefused() | BatchRefused() | ArchiveRefused():
            error = refusal_of(error)
        case JobRefused():
            error = Conflict(error)
        case RecipeInvalid():
            error = RecipeRefused(error)
        case RequestDataTooBig():
            error = RequestTooLarge()
        case TooManyFilesSent():
            error = TooManyPhotos()
        case SuspiciousOperation():
            error = exceptions.ParseError(_("The request cannot be understood."))
        case Http404() | ObjectDoesNotExist():  # the latter: deleted while we worked with it
            error = exceptions.NotFound()
        case PermissionDenied():
            error = exceptions.PermissionDenied()
    return error


def _photo_status(error: PhotoError) -> int:
    if isinstance(error, PhotoTooLarge):
        return status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    if isinstance(error, PhotoTypeUnsupported):
        return status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    return status.HTTP_400_BAD_REQUEST


def body_of(error: exceptions.APIException) -> dict[str, Any]:
    """The JSON that an error of the API is answered with."""
    if not isinstance(error.detail, dict):
        return {"code": str(error.get_codes()), "message": str(error.detail)}
    sentences = [
        f"{name}: {sentence}" for name, found in error.detail.items() for sentence in found
    ]
    return {"code": "invalid", "message": " ".join(sentences), "fields": error.detail}
