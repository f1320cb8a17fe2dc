"""Every error of the API in one shape: `{"code", "message", "fields"?}`."""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from predictions.failures import explain
from predictions.uploads import QuotaExceeded
from vision.errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported


class PhotoRefused(exceptions.APIException):
    """An upload that is no usable photo, with the status that says why."""

    def __init__(self, error: PhotoError) -> None:
        super().__init__(explain(error.code), error.code)
        self.status_code = photo_status(error)


class RequestTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self) -> None:
        super().__init__(explain(PhotoTooLarge.code), PhotoTooLarge.code)


class QuotaUsedUp(exceptions.Throttled):
    """Too many photos in an hour; `Retry-After` says when the next one is taken."""

    def __init__(self, error: QuotaExceeded) -> None:
        super().__init__(wait=error.retry_after)
        self.detail = exceptions.ErrorDetail(str(error), error.code)


def photo_status(error: PhotoError) -> int:
    """The HTTP status of a refused photo."""
    if isinstance(error, PhotoTooLarge):
        return status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    if isinstance(error, PhotoTypeUnsupported):
        return status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    return status.HTTP_400_BAD_REQUEST


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler, giving the one shape; what it does not know stays a 500."""
    if isinstance(error, PhotoError):
        error = PhotoRefused(error)
    elif isinstance(error, QuotaExceeded):
        error = QuotaUsedUp(error)
    elif isinstance(error, RequestDataTooBig):
        error = RequestTooLarge()
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        response.data = _body(error)
    return response


def _body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        fields = error.detail if isinstance(error.detail, dict) else {"": error.detail}
        message = _("The request has mistakes; see “fields”.")
        return {"code": "invalid", "message": message, "fields": fields}
    codes = error.get_codes()
    return {"code": str(codes), "message": str(error.detail)}
