"""`python -m faceroute_site.web`: serve the site at HOST and PORT in WEB_CONCURRENCY processes.

This process only starts the others, again where one dies; it loads neither Django nor the site.
"""

import os
import resource
import shutil
import tempfile

import uvicorn
from uvicorn.supervisors import Multiprocess

from .protocol import Protocol

_GRACE = 15  # seconds that requests under way get when the site stops
_LARGEST_HEAD = 32 * 1024  # bytes of a request line with its headers


def main() -> None:
    _allow_many_connections()
    # The processes add up their counters through files here, so that /metrics tells the sum of all.
    metrics = os.environ.setdefault(
        "PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="faceroute-metrics-")
    )
    try:
        config = _config()
        # One process is supervised like several: where it dies, another takes its place.
        Multiprocess(config, sockets=[config.bind_socket()]).run()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


def _config() -> uvicorn.Config:
    return uvicorn.Config(
        "faceroute_site.asgi:application",
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        workers=int(os.environ.get("WEB_CONCURRENCY", "2")),
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
