"""What a worker costs before its first result: seconds, processor seconds, memory.

    .venv/bin/python tools/worker_start.py PHOTO CHECKOUT…

Starts a worker of each checkout in turn, on a site of its own where one photo waits, and looks at
it from outside until that photo is estimated, and again after eight more (Linux, the embedded
set-up).
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

_ROUNDS = 3
_PATIENCE = 120.0
_REDIS = """
import subprocess, sys
from django.conf import settings
from faceroute_site import embedded_redis
sys.exit(subprocess.call(embedded_redis.command(settings.DATA_DIR)))
"""
_SEND = """
import sys
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from predictions.access import Owner
from predictions.uploads import accept_photo
user, _ = User.objects.get_or_create(username="sender")
photo = open({photo!r}, "rb").read()
for _ in range({count}):
    accept_photo(Owner(user_id=user.pk), SimpleUploadedFile("photo.jpg", photo))
"""


class Site:
    """A checkout on a data directory of its own."""

    def __init__(self, checkout: Path, data: Path) -> None:
        self._checkout = checkout
        self._data = data
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "faceroute_site.settings",
            "FACEROUTE_DATA_DIR": str(data),
            "REDIS_URL": "",
            "PYTHONPATH": "",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(
            command,
            cwd=self._checkout,
            env=self._environment,
            check=True,
            capture_output=True,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self._checkout,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def done(self) -> int:
        """How many predictions are done."""
        with closing(sqlite3.connect(self._data / "db.sqlite3", timeout=10)) as database:
            query = "SELECT COUNT(*) FROM predictions_prediction WHERE status = 'done'"
            count: int = database.execute(query).fetchone()[0]
        return count

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self.done() < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} photos were not estimated in {_PATIENCE:.0f} s.")
            time.sleep(0.01)


def figures(checkout: Path, photo: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(checkout, Path(folder))
        site.manage("migrate")
        site.manage("register_starter")
        redis = site.start("manage.py", "shell", "-c", _REDIS)
        try:
            time.sleep(3)
            site.manage("shell", "-c", _SEND.format(photo=str(photo), count=1))
            return _worker_figures(site, photo)
        finally:
            _stop(redis)


def _worker_figures(site: Site, photo: Path) -> dict[str, float]:
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    started = time.monotonic()
    options = ("worker", "-l", "WARNING", *alone, "-Q", "inference")
    worker = site.start("-m", "celery", "-q", "-A", "faceroute_site", *options)
    try:
        site.wait_for(1)
        seconds = time.monotonic() - started
        found = {"seconds": seconds, "cpu_seconds": _cpu_seconds(worker.pid)}
        time.sleep(1)
        found["pss_mb"] = _pss(worker.pid)
        site.manage("shell", "-c", _SEND.format(photo=str(photo), count=8))
        site.wait_for(9)
        return {**found, "pss_mb_after_8": _pss(worker.pid)}
    finally:
        _stop(worker)


def _family(pid: int) -> list[int]:
    """A process and all that came of it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _pss(pid: int) -> float:
    """What a process and its children hold, what they share counted once, in MB."""
    rollups = (Path(f"/proc/{one}/smaps_rollup").read_text() for one in _family(pid))
    lines = (line for rollup in rollups for line in rollup.splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def _cpu_seconds(pid: int) -> float:
    ticks = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for pid in reversed(_family(process.pid)):
        os.kill(pid, 15)
    process.wait(30)


def main() -> None:
    _me, photo, *checkouts = sys.argv
    for _ in range(_ROUNDS):
        for checkout in checkouts:
            found = figures(Path(checkout).resolve(), Path(photo).resolve())
            told = {name: round(value, 2) for name, value in found.items()}
            print(json.dumps({"checkout": checkout, **told}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
