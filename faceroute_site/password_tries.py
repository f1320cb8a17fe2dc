"""A password that somebody logged in is asked for cannot be guessed.

Whoever got hold of a session could otherwise try passwords without end where the site asks for the
current one. They count as those of log-ins do: by django-axes, which after ten wrong ones locks the
account for that address.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse

# Where a form asks for the current password, and in which field.
_FIELDS = {
    "delete_account": "password",
    "mail_address": "password",
    "password": "old_password",
    "admin:password_change": "old_password",
}


class PasswordTriesMiddleware:
    """Has axes count wrong passwords; those of a locked account reach no form, right or wrong.

    What axes refuses its own middleware answers, which has to come after this one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        field = _FIELDS.get(match.view_name) if match and request.method == "POST" else None
        password = request.POST.get(field) if field else None
        if not password or not request.user.is_authenticated:
            return None
        authenticate(request, username=request.user.get_username(), password=password)
        locked = getattr(request, "axes_locked_out", False)
        return HttpResponse(status=429) if locked else None
