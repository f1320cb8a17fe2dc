"""What is checked about the settings before anything runs (`manage.py check`)."""

import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from .address import LOOPBACK_HOSTS
from .backup.restoring import is_cut_off
from .embedded_redis import RedisMissing, executable

_SHORTEST_SECRET_KEY = 50


@register()
def check_data_dir(**_: Any) -> Iterable[CheckMessage]:
    if not os.access(settings.DATA_DIR, os.R_OK | os.W_OK | os.X_OK):
        yield Error(
            f"The data directory {settings.DATA_DIR} cannot be written.",
            hint="Give it to the user that runs FaceRoute, or set FACEROUTE_DATA_DIR to another.",
            id="faceroute.E003",
        )


@register(Tags.security)
def check_secret_key(**_: Any) -> Iterable[CheckMessage]:
    if len(settings.SECRET_KEY) < _SHORTEST_SECRET_KEY:
        kind = Error if settings.HTTPS else Warning
        yield kind(
            f"SECRET_KEY is shorter than {_SHORTEST_SECRET_KEY} characters.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="faceroute.E005",
        )


@register()
def check_restore(**_: Any) -> Iterable[CheckMessage]:
    if is_cut_off():
        yield Error(
            f"A restore was cut off: {settings.DATA_DIR} holds a part of a backup.",
            hint="Run it again with the same archive, which finishes it.",
            id="faceroute.E007",
        )


@register()
def check_redis(**_: Any) -> Iterable[CheckMessage]:
    if not settings.EMBEDDED_REDIS:
        return
    try:
        executable()
    except RedisMissing as missing:
        yield Warning(
            "REDIS_URL is not set and no Redis server is installed: photos would wait for ever.",
            hint=str(missing),
            id="faceroute.W001",
        )


@register(Tags.security)
def check_allowed_hosts(**_: Any) -> Iterable[CheckMessage]:
    if settings.HTTPS and set(settings.ALLOWED_HOSTS) <= LOOPBACK_HOSTS:
        yield Warning(
            "FACEROUTE_HTTPS is on, but ALLOWED_HOSTS names this machine only: others get an "
            "error page.",
            hint="Set ALLOWED_HOSTS to the site's name, for example faces.example.org.",
            id="faceroute.W002",
        )


@register()
def check_unknown_variables(**_: Any) -> Iterable[CheckMessage]:
    for name, similar in sorted(settings.UNKNOWN_VARIABLES.items()):
        yield Warning(
            f"{name} is set, and nothing reads it.",
            hint=f"Is {similar} meant?" if similar else f"Remove {name} from the environment.",
            id="faceroute.W003",
        )


@register(Tags.security)
def check_trusted_proxies(**_: Any) -> Iterable[CheckMessage]:
    if settings.HTTPS and not settings.TRUSTED_PROXIES:
        yield Error(
            "FACEROUTE_HTTPS is on, but FACEROUTE_TRUSTED_PROXIES is 0: nobody could say that a "
            "request came by HTTPS, and every page would lead to itself.",
            hint="Set FACEROUTE_TRUSTED_PROXIES to the number of proxies, mostly 1.",
            id="faceroute.E008",
        )
