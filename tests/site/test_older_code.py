"""Machines of the version before and of this one work side by side on one database."""

import re
import subprocess
import tarfile
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.predictions.arrivals import Arrivals, post_photo, send_many
from tests.processes import ROOT, Process, Stack, free_port, wait_until

pytestmark = pytest.mark.processes

# The version before. A release sets this to itself once it is out (see CONTRIBUTING.md).
BEFORE = "8d8b6ae05ab666691fc37038c26fcb7778012c25"

# Without files to collect: what pages look like is not what is tried.
_SETTINGS = """
import sys
import faceroute_site
from faceroute_site.settings import *
from faceroute_site.settings import STORAGES
STORAGES = {
    **STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
print("This is", faceroute_site.__file__, file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="module")
def older_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the version before, out of the history."""
    folder = tmp_path_factory.mktemp("older")
    archive = folder / "code.tar"
    with archive.open("wb") as file:
        command = ["git", "-C", str(ROOT), "archive", BEFORE]
        if subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=False).returncode:
            pytest.skip(f"There is no history with {BEFORE[:7]} here. Run: git fetch --unshallow")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "code", filter="data")
    return folder / "code"


@dataclass
class Version:
    """The machines of one version: where its web is, and its worker."""

    stack: Stack
    url: str
    worker: Process

    def estimated(self) -> int:
        """How many photos its worker says to have estimated."""
        return sum(map(int, re.findall(r"Estimated (\d+) photos", self.worker.output())))


@dataclass
class Sites:
    older: Version
    newer: Version
    database: str
    key: str


@pytest.fixture
def sites(tmp_path: Path, database: str, older_code: Path) -> Iterator[Sites]:
    """A site of the version before, migrated under its hands by this one, and joined by it."""
    environment = {
        "DATABASE_URL": database,
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",  # photos do not need it
        "SECRET_KEY": "the-same-for-all-machines-of-a-site-and-long-enough-0123456789",
        "DJANGO_SETTINGS_MODULE": "settings_of_trial",
        "DJANGO_SUPERUSER_PASSWORD": "unimportant",
        "PYTHONPATH": str(tmp_path / "settings"),
    }
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "settings_of_trial.py").write_text(_SETTINGS)
    data = tmp_path / "data"
    with (
        Stack(data, logs=tmp_path, **environment) as before,
        Stack(data, logs=tmp_path / "settings", **environment) as now,
    ):
        before.root = older_code
        before.manage("migrate", "--noinput", "--verbosity", "0")
        before.manage("register_starter")
        before.manage("createsuperuser", "--noinput", "--username", "ann", "--email", "")
        key = before.manage("create_api_key", "ann").strip()
        older = _started(before)
        now.manage("migrate", "--noinput", "--verbosity", "0")
        yield Sites(older, _started(now), database, key)


def _started(stack: Stack) -> Version:
    worker = stack.start("worker", *stack.worker_command())
    web, url = stack.start_web()
    for process in (web, worker):
        assert f"This is {stack.root}/" in process.output()
    return Version(stack, url, worker)


class Browser:
    """Somebody who is not logged in."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def page(self, path: str) -> str:
        with self._opener.open(f"{self._url}{path}", timeout=60) as answer:
            return str(answer.read().decode())

    def send(self, photo: bytes) -> str:
        """Send a photo with the form; the address that the browser is led to."""
        form = re.findall(r'name="(csrfmiddlewaretoken|token)" value="(\w+)"', self.page("/"))
        boundary = uuid.uuid4().hex
        part = f"--{boundary}\r\nContent-Disposition: form-data; name="
        fields = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in dict(form).items())
        head = f'{fields}{part}"photos"; filename="a.jpg"\r\n\r\n'
        request = urllib.request.Request(  # noqa: S310
            f"{self._url}/",
            head.encode() + photo + f"\r\n--{boundary}--\r\n".encode(),
            {"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        with self._opener.open(request, timeout=60) as answer:
            return str(answer.url)


def rows(database: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_both_take_photos_and_finish_those_of_either(sites: Sites, photo_bytes: bytes) -> None:
    sent = [Arrivals(), Arrivals()]
    for arrivals, version in zip(sent, (sites.older, sites.newer), strict=True):
        send_many(arrivals, version.url, sites.key, photo_bytes, count=40, clients=4)
    open_work = "SELECT 1 FROM predictions_prediction WHERE status IN ('queued', 'running')"
    wait_until(lambda: not rows(sites.database, open_work), "all are done", sites.older.worker)
    outcomes = rows(
        sites.database,
        "SELECT status, face_count, count(*) FROM predictions_prediction GROUP BY 1, 2",
    )
    assert outcomes == [("done", 1, 80)]
    wait_until(lambda: sites.older.estimated() + sites.newer.estimated() == 80, "both have said so")
    assert sites.older.estimated()
    assert sites.newer.estimated()


def test_the_older_one_alone_serves_people_and_programs(sites: Sites, photo_bytes: bytes) -> None:
    sites.newer.worker.stop()
    done = post_photo(sites.older.url, sites.key, photo_bytes, wait=60)
    assert (done["status"], len(done["faces"])) == ("done", 1)
    browser = Browser(sites.older.url)
    address = browser.send(photo_bytes)
    path = address.removeprefix(sites.older.url).partition("?")[0]
    wait_until(lambda: "faces/0/" in browser.page(path), "the page shows the face")
    assert path in browser.page("/history/")
