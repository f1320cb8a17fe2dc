"""Who may open the admin's own pages beside Django's: not every member of staff may see all."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from unfold.admin import ModelAdmin

View = Callable[..., HttpResponseBase]


def for_viewers(admin: ModelAdmin, view: View) -> View:
    """A page of an admin for the staff that may view its model."""

    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        if not admin.has_view_permission(request):
            raise PermissionDenied
        return view(request, *arguments, **options)

    wrapped: View = admin.admin_site.admin_view(guarded)
    return wrapped
