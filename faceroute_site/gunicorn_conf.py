"""How Gunicorn serves the site; started as `gunicorn -c python:faceroute_site.gunicorn_conf`.

Uploads spend their time in Pillow, storage and the database, outside of Python's lock, so that
threads serve them well, and SQLite gets few connections that write.
"""

import os
import shutil
import tempfile
from typing import Any

wsgi_app = "faceroute_site.wsgi"
_host = os.environ.get("HOST", "127.0.0.1")
_port = os.environ.get("PORT", "8000")
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
graceful_timeout = 15  # seconds that requests under way get when the site stops
# Its socket lies in the home directory, where two installations would take it from each other.
control_socket_disable = True

# The processes add up their counters through files here, so that /metrics tells the sum of all.
_metrics = os.environ.setdefault(
    "PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="faceroute-metrics-")
)


def child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    shutil.rmtree(_metrics, ignore_errors=True)
