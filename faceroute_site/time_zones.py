"""Dates in the reader's time zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "time_zone"


class TimeZoneMiddleware:
    """Pages show and read dates in the time zone that the browser tells by a cookie.

    The name is an IANA time zone, such as `Asia/Seoul`; without one, or with one that is not
    known, dates are in UTC.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._known = available_timezones()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(COOKIE, "")
        zone = ZoneInfo(name) if name in self._known else None
        with timezone.override(zone):
            return self._get_response(request)
