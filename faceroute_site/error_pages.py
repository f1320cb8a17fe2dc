"""Answers to what no view handles: JSON for programs, a page for people."""

import sqlite3
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults

from vision.diskspace import DiskFull, is_full

_RETRY_AFTER = 60  # seconds


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_program(request):
        return _json(400, "bad_request", _("The request cannot be understood."))
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_program(request):
        return _json(404, "not_found", _("There is nothing at this address."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """What went wrong here; 503 where it is a disk or a database that may be back any moment."""
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
            return isinstance(error, (InterfaceError, DiskFull))


def _unavailable(request: HttpRequest) -> HttpResponse:
    message = _(
        "The site cannot do this at the moment: a disk is full, or the database does not answer. "
        "Please try again in a few minutes."
    )
    if _is_program(request):
        response = _json(503, "unavailable", message)
    else:
        response = render(request, "503.html", {"message": message}, status=503)
    response["Retry-After"] = str(_RETRY_AFTER)
    return response


def _is_program(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _json(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse({"code": code, "message": message}, status=status)
