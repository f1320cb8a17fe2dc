"""What is checked about the settings before anything runs (`manage.py check`)."""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from vision.attributes import ATTRIBUTES
from vision.types import ENGINES, PRECISIONS

from .backup.restoring import is_cut_off
from .embedded_redis import RedisMissing, executable

_SHORTEST_SECRET_KEY = 50
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
# The settings that count something, and the variables they come from.
_COUNTS = {
    "WEB_THREADS": "WEB_THREADS",
    "WEB_FILE_THREADS": "WEB_FILE_THREADS",
    "INCOMING_BYTES": "WEB_INCOMING_BYTES",
    "DATASET_MAX_BYTES": "FACEROUTE_DATASET_MAX_BYTES",
    "PHOTO_MAX_BYTES": "FACEROUTE_PHOTO_MAX_BYTES",
    "PHOTO_MAX_PIXELS": "FACEROUTE_PHOTO_MAX_PIXELS",
    "PHOTOS_PER_UPLOAD": "FACEROUTE_PHOTOS_PER_UPLOAD",
    "PHOTOS_PER_HOUR": "FACEROUTE_PHOTOS_PER_HOUR",
    "PHOTO_LIFETIME": "FACEROUTE_PHOTO_DAYS",
    "LEASE": "FACEROUTE_LEASE_SECONDS",
    "BATCH_PHOTOS": "FACEROUTE_BATCH_PHOTOS",
    "CELERY_WORKER_CONCURRENCY": "FACEROUTE_WORKER_CONCURRENCY",
}


@register()
def check_heads(**_: Any) -> Iterable[CheckMessage]:
    unknown = sorted(set(settings.HEADS) - set(ATTRIBUTES))
    if unknown or not settings.HEADS:
        yield Error(
            f"FACEROUTE_HEADS names unknown heads: {', '.join(unknown)}."
            if unknown
            else "FACEROUTE_HEADS is empty: there would be nothing to estimate.",
            hint=f"Name one or more of: {', '.join(ATTRIBUTES)}.",
            id="faceroute.E001",
        )


@register()
def check_precision(**_: Any) -> Iterable[CheckMessage]:
    if settings.PRECISION not in PRECISIONS:
        yield Error(
            f"FACEROUTE_PRECISION is {settings.PRECISION!r}, which is unknown.",
            hint=f"Choose one of: {', '.join(PRECISIONS)}.",
            id="faceroute.E002",
        )


@register()
def check_engine(**_: Any) -> Iterable[CheckMessage]:
    if settings.ENGINE not in ENGINES:
        yield Error(
            f"FACEROUTE_ENGINE is {settings.ENGINE!r}, which is unknown.",
            hint=f"Choose one of: {', '.join(ENGINES)}.",
            id="faceroute.E008",
        )


@register()
def check_data_dir(**_: Any) -> Iterable[CheckMessage]:
    if not os.access(settings.DATA_DIR, os.R_OK | os.W_OK | os.X_OK):
        yield Error(
            f"The data directory {settings.DATA_DIR} cannot be written.",
            hint="Give it to the user that runs FaceRoute, or set FACEROUTE_DATA_DIR to another.",
            id="faceroute.E003",
        )


@register()
def check_counts(**_: Any) -> Iterable[CheckMessage]:
    for setting, variable in _COUNTS.items():
        value = getattr(settings, setting)
        if (value.total_seconds() if isinstance(value, timedelta) else value) < 1:
            yield Error(
                f"{variable} must be 1 or more.",
                hint=f"Remove {variable} from the environment to have its default.",
                id="faceroute.E004",
            )


@register(Tags.security)
def check_secret_key(**_: Any) -> Iterable[CheckMessage]:
    if settings.HTTPS and len(settings.SECRET_KEY) < _SHORTEST_SECRET_KEY:
        yield Error(
            f"SECRET_KEY is shorter than {_SHORTEST_SECRET_KEY} characters.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="faceroute.E005",
        )


@register()
def check_database_engine(**_: Any) -> Iterable[CheckMessage]:
    engine = settings.DATABASES["default"]["ENGINE"].rsplit(".")[-1]
    if engine not in {"sqlite3", "postgresql"}:
        yield Error(
            f"DATABASE_URL chooses {engine}, which FaceRoute is not made for.",
            hint="Use postgres://… or leave DATABASE_URL out for SQLite.",
            id="faceroute.E006",
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
    if settings.HTTPS and set(settings.ALLOWED_HOSTS) <= _LOOPBACK:
        yield Warning(
            "FACEROUTE_HTTPS is on, but ALLOWED_HOSTS names this machine only: others get an "
            "error page.",
            hint="Set ALLOWED_HOSTS to the site's name, for example faces.example.org.",
            id="faceroute.W002",
        )
