"""`python -m faceroute_site.web`: serve the site at HOST and PORT in WEB_CONCURRENCY processes.

This process only starts the others, again where one dies; it loads the settings and no more.
"""

import os
import resource
import sys

import uvicorn
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from uvicorn.supervisors import Multiprocess

from faceroute_site.address import Address

from .metric_files import folder_below
from .protocol import Protocol

_GRACE = 15  # seconds that requests under way get when the site stops
_LARGEST_HEAD = 32 * 1024  # bytes of a request line with its headers


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
    try:
        config = _config()
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    _allow_many_connections()
    if warning := Address(settings.HOST, settings.PORT).warning(settings.ALLOWED_HOSTS):
        sys.stderr.write(f"{warning}\n")
    with folder_below(settings.DATA_DIR / "metrics"):
        # One process is supervised like several: where it dies, another takes its place.
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def _config() -> uvicorn.Config:
    return uvicorn.Config(
        "faceroute_site.asgi:application",
        host=settings.HOST,
        port=settings.PORT,
        workers=settings.WEB_CONCURRENCY,
        http=Protocol,
        ws="none",
        lifespan="on",
        loop="asyncio",
        # Who asks, and over what, Django tells by its own settings.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_graceful_shutdown=_GRACE,
        timeout_worker_healthcheck=30,
    )


def _allow_many_connections() -> None:
    """Connections cost little here, but each is an open file."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 65_536
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), hard))


if __name__ == "__main__":
    main()
