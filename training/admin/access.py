"""Who may open the admin's own pages beside Django's: not every member of staff may see all."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from unfold.admin import ModelAdmin

View = Callable[..., HttpResponseBase]

_MOST_DIGITS = 18  # of a number that the database can hold


def number_of(text: str) -> int | None:
    """A whole number from an address or a form; None where it is none, or far too large."""
    sensible = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if sensible else None


def key_of(text: str) -> int:
    """The key of a row, as an address has it. Raises Http404 where no row can have it."""
    number = number_of(text)
    if number is None:
        raise Http404
    return number


def for_viewers(admin: ModelAdmin, view: View) -> View:
    """A page of an admin for the staff that may view its model."""

    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        if not admin.has_view_permission(request):
            raise PermissionDenied
        return view(request, *arguments, **options)

    wrapped: View = admin.admin_site.admin_view(guarded)
    return wrapped
