"""Answers to what no view handles: JSON for programs, a page for people."""

import logging
import sqlite3
import sys
from collections.abc import Callable

from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE, get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import defaults

from predictions.uploads import StorageUnavailable
from training.shared_files import StorageSilent
from vision.diskspace import DiskFull, is_full
from vision.errors import BundleAway

from .administration import is_administration, told

logger = logging.getLogger(__name__)

_RETRY_AFTER = 60  # seconds


class GoneMiddleware:
    """Answers 404 where a view finds gone what it has just found: somebody else has deleted it.
    And where an address holds a null byte, which nothing has in its name and no database takes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            return not_found(request, Http404())
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ObjectDoesNotExist):
            return None
        logger.info("Deleted meanwhile, at %s: %s", request.path, exception)
        return not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_program(request):
        return _json(400, "bad_request", _("The request cannot be understood."))
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_program(request):
        return _json(404, "not_found", _("There is nothing at this address."))
    if is_administration(request):
        message = _("It may have been deleted meanwhile.")
        return told(request, 404, _("There is nothing at this address."), message)
    return defaults.page_not_found(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_administration(request):
        message = _("Your account lacks the permission. Somebody who manages users can give it.")
        return told(request, 403, _("You may not open this page"), message)
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """What went wrong here; 503 where it is a disk, a database or a storage that may be back any
    moment."""
    if _passes(sys.exc_info()[1]):
        return _unavailable(request)
    if _is_program(request):
        return _json(500, "internal_error", _("Something went wrong on our side."))
    return defaults.server_error(request)


def _passes(error: BaseException | None) -> bool:
    match error:
        case OperationalError():
            # SQLite says so of statements, too, that are wrong whatever happens.
            code = getattr(error.__cause__, "sqlite_errorcode", None)
            return code != sqlite3.SQLITE_ERROR
        case OSError():
            return is_full(error)
        case _:
            passing = (InterfaceError, DiskFull, BundleAway, StorageSilent, StorageUnavailable)
            return isinstance(error, passing)


def _unavailable(request: HttpRequest) -> HttpResponse:
    message = _(
        "The site cannot do this at the moment: a disk is full, or the database or the storage "
        "is not responding. Please try again in a few minutes."
    )
    if _is_program(request) or _accepts_json(request):
        response = _json(503, "unavailable", message)
    else:
        response = render(request, "503.html", {"message": message}, status=503)
    response["Retry-After"] = str(_RETRY_AFTER)
    return response


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answers a form whose token is not the browser's: nothing was done, and how to go on.

    A script is told the token that works, so that sending once more is all there is to do.
    """
    if reason == REASON_NO_CSRF_COOKIE:
        message = _("Your browser did not send our cookie. Please allow cookies for this site.")
    else:
        message = _(
            "Somebody has logged in or out in this browser since the page was opened, or it has "
            "been open for long. Nothing was changed."
        )
    if _is_program(request) or _is_script(request):
        words = _("%(what)s Please send it once more.") % {"what": message}
        document = {"code": "form_expired", "message": words, "token": get_token(request)}
        return JsonResponse(document, status=403)
    back = _page_before(request)
    if is_administration(request):
        return told(request, 403, _("Please send this once more"), message, back)
    context = {"message": message, "back": back or reverse("upload")}
    return render(request, "form_expired.html", context, status=403)


def _page_before(request: HttpRequest) -> str:
    """The page of this site that a form was sent from; empty where the browser does not say."""
    page = request.headers.get("Referer", "")
    secure = request.is_secure()
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=secure)
    return page if ours else ""


def _is_script(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers or _accepts_json(request)


def _accepts_json(request: HttpRequest) -> bool:
    """Whether the script of the upload page asks."""
    return request.headers.get("Accept") == "application/json"


def _is_program(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _json(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({"code": code, "message": message}, status=status)
