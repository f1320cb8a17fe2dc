"""The answers to probes: is the process alive, can the site do its work, how is it doing.

A middleware gives them before anything else looks at a request, because probes come by an
address that ALLOWED_HOSTS need not name, over plain HTTP, and without a session.
"""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.translation import override

from .prometheus import CONTENT_TYPE, exposition
from .readiness import UNAVAILABLE, overall, readiness

_PROXY_HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


class ProbeMiddleware:
    """Answers /healthz, /readyz and /metrics; everything else goes its way."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._probes = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._probes.get(request.path_info, self._get_response)(request)


def healthz(_request: HttpRequest) -> HttpResponse:
    """Liveness: this process answers. Asks nobody else, so that their trouble restarts no web."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """Readiness: 200 where photos can be taken and shown, 503 with reasons where they cannot.

    Without Redis, workers, the scheduler or the files of the active model the answer is 200 and
    "degraded": photos are taken, and a machine taken out of service would refuse them. In English,
    for programs.
    """
    with override("en"):
        checks = readiness()
        status = overall(checks)
    code = 503 if status == UNAVAILABLE else 200
    if request.get_preferred_type(["application/json", "text/html"]) == "text/html":
        lines = "".join(
            f"{name}: {state}\n" for name, state in {"status": status, **checks}.items()
        )
        return HttpResponse(lines, status=code, content_type="text/plain; charset=utf-8")
    return JsonResponse({"status": status, "checks": checks}, status=code)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics of all web processes and of the queue, for those who may read them."""
    if not _may_read_metrics(request):
        return HttpResponseForbidden(
            "Metrics are for this machine itself, or for those who send the token of "
            "FACEROUTE_METRICS_TOKEN as `Authorization: Bearer`.\n",
            content_type="text/plain",
        )
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def _may_read_metrics(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
    return _comes_from_this_machine(request)


def _comes_from_this_machine(request: HttpRequest) -> bool:
    """Whether a program on this machine asks for itself, not a proxy for somebody else."""
    if any(header in request.headers for header in _PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
