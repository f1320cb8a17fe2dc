"""The answers to probes: is the process alive, can the site do its work, how is it doing.

A middleware gives them before anything else looks at a request, because probes come by an
address that ALLOWED_HOSTS need not name, over plain HTTP, and without a session.
"""

import ipaddress
import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils.crypto import constant_time_compare

from predictions.notify import waiting_messages
from training.registry.versions import active_version

from .prometheus import CONTENT_TYPE, exposition
from .statement_timeout import statement_timeout

logger = logging.getLogger(__name__)

_OK = "ok"
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

    Without Redis the answer is 200 and "degraded": uploads are taken and wait for it, and a
    machine taken out of service would refuse them.
    """
    checks = readiness()
    unavailable = any(state != _OK for name, state in checks.items() if name != "queue")
    status = "unavailable" if unavailable else _OK if checks["queue"] == _OK else "degraded"
    code = 503 if unavailable else 200
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


def readiness() -> dict[str, str]:
    """What the site needs, by name: "ok" or a sentence that says what is wrong."""
    checks = {"queue": _queue(), "database": _database()}
    if checks["database"] == _OK:
        checks |= {"migrations": _migrations(), "model": _model()}
    return checks


def _database() -> str:
    try:
        with statement_timeout(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.exception("The database does not answer.")
        return "The database does not answer."
    return _OK


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "The database is older than the program. Run: python manage.py migrate"
    return _OK


def _model() -> str:
    try:
        version = active_version()
    except DatabaseError:  # its table comes with a migration that is missing
        version = None
    if version is None:
        return "No model version is active. Run: python manage.py register_starter"
    return _OK


def _queue() -> str:
    try:
        waiting_messages()
    except Exception as error:  # each layer below raises errors of its own
        logger.warning("Redis does not answer: %s", error)
        return "Redis does not answer. Photos are taken and wait until it does."
    return _OK


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
