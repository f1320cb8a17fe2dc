"""Whom a request comes from, where proxies stand in between.

One setting says how many of them are ours (FACEROUTE_TRUSTED_PROXIES). Each adds the address that
it was asked from to `X-Forwarded-For`; what stands there before that anybody can write.
"""

import logging
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)


def caller_address(remote: str, forwarded_for: str, trusted: int) -> str | None:
    """The address of whoever asked the outermost of our proxies; None where they do not tell it.

    `remote`: whom the request was received from. `forwarded_for`: the header, empty without one.
    """
    if not trusted:
        return remote
    told = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    if len(told) < trusted:
        return None
    address = _without_port(told[-trusted])
    try:
        return str(ip_address(address))
    except ValueError:
        return None


class ProxyMiddleware:
    """Makes REMOTE_ADDR what quota, log-in lock-out and logs are to go by.

    What does not fit the setting is said in the log, once for each process.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._has_warned = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded_for = request.headers.get("X-Forwarded-For", "")
        trusted = settings.TRUSTED_PROXIES
        caller = caller_address(request.META.get("REMOTE_ADDR", ""), forwarded_for, trusted)
        if caller is None or (forwarded_for and not trusted):
            self._warn(trusted, forwarded_for)
        if caller is not None:
            request.META["REMOTE_ADDR"] = caller
        return self._get_response(request)

    def _warn(self, trusted: int, forwarded_for: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        logger.warning(
            "FACEROUTE_TRUSTED_PROXIES is %d, but a request has come with X-Forwarded-For %r. If "
            "the number is wrong, everybody behind the proxies counts as one.",
            trusted,
            forwarded_for[:200],
        )


def _without_port(address: str) -> str:
    if address.startswith("["):  # [2001:db8::1]:443
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
