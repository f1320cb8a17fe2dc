"""Guessing passwords for many names from one address becomes slow.

django-axes locks a name for an address after a few wrong passwords, so that nobody can lock an
account for others. Who tries one name after the other is never locked by that, but has to pause,
twice as long with each further name.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

_LOGINS = {"login", "admin:login"}
_FREE_NAMES = 10  # that may be tried from one address without a pause
_LONGEST_PAUSE = 60  # seconds


class LoginPaceMiddleware:
    """Answers 429 to a log-in that comes too soon after those for other names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if request.method != "POST" or match is None or match.view_name not in _LOGINS:
            return None
        seconds = seconds_to_pause(request.META.get("REMOTE_ADDR", ""))
        if not seconds:
            return None
        context = {"seconds": seconds}
        page = render(request, "accounts/too_many_names.html", context, status=429)
        page["Retry-After"] = str(seconds)
        return page


def seconds_to_pause(address: str) -> int:
    """How long an address has to wait before it may try another password; 0 where it need not."""
    now = timezone.now()
    failed = AccessAttempt.objects.filter(
        ip_address=address or None, attempt_time__gt=now - settings.AXES_COOLOFF_TIME
    )
    latest = dict(failed.order_by("attempt_time").values_list("username", "attempt_time"))
    if len(latest) < _FREE_NAMES:
        return 0
    pause = min(_LONGEST_PAUSE, 2 ** min(len(latest) - _FREE_NAMES, 10))
    left = max(latest.values()) + timedelta(seconds=pause) - now
    return max(0, -(-int(left.total_seconds() * 1000) // 1000))
