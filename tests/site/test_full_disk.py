"""A disk without room is said in words, and ends no process: on a real small one."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from faceroute_site.web.metric_files import VARIABLE, folder_below
from tests.processes import ROOT, Stack, children

pytestmark = pytest.mark.processes


@pytest.fixture
def small_disks(tmp_path: Path) -> Iterator[Path]:
    """Two disks of their own, `data` of 16 MB and `tmp` of 1 MB."""
    mounted = []
    try:
        for name, size in (("data", "16m"), ("tmp", "1m")):
            folder = tmp_path / name
            folder.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                pytest.skip("Mounting a small disk takes root's rights.")
            mounted.append(folder)
        yield tmp_path
    finally:
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until nothing more goes in."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**16, 2**10, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler


class Browser:
    def __init__(self, url: str) -> None:
        self._url = url
        self._cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(self._cookies)

    def get(self, path: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(self._url + path))  # noqa: S310

    def post(self, path: str, content: bytes, kind: str, **headers: str) -> tuple[int, str]:
        headers |= {"Content-Type": kind, "Referer": self._url}
        return self._open(urllib.request.Request(self._url + path, content, headers))  # noqa: S310

    def token(self, path: str) -> str:
        [token, *_] = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', self.get(path)[1])
        return str(token)

    def send(self, photo: bytes) -> tuple[int, str]:
        fields = {
            "csrfmiddlewaretoken": self.token("/"),
            "photos": SimpleUploadedFile("photo.jpg", photo),
        }
        return self.post("/", encode_multipart(BOUNDARY, fields), MULTIPART_CONTENT)

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


def test_full_disks_are_said_in_words_and_end_nothing(
    small_disks: Path, photo_bytes: bytes, static_files: str, migrated: Path
) -> None:
    data, tmp = small_disks / "data", small_disks / "tmp"
    environment = {"FACEROUTE_STATIC_DIR": static_files, "TMPDIR": str(tmp)}
    shutil.copy(migrated, data)
    with Stack(data, logs=small_disks, **environment) as stack:
        web, url = stack.start_web()
        [process, *_] = serving = children(web.pid)
        browser = Browser(url)
        # Where a worker runs, the database is open somewhere: its log and index are there.
        worker = sqlite3.connect(data / "db.sqlite3", isolation_level=None)
        worker.execute("SELECT count(*) FROM django_session")
        fill(tmp)
        filler = fill(data)
        assert (
            browser.get("/")[0] == browser.get("/about/")[0] == browser.get("/history/")[0] == 200
        )

        status, page = browser.send(photo_bytes)
        assert status == 503
        assert "Please try again" in page
        token = browser.token("/account/signup/")
        form = {"csrfmiddlewaretoken": token, "username": "ann"}
        form |= {"password1": "a long secret", "password2": "a long secret"}
        signup = urllib.parse.urlencode(form).encode()
        kind = "application/x-www-form-urlencoded"
        status, page = browser.post("/account/signup/", signup, kind)
        assert (status, "a disk is full" in page) == (503, True)
        status, ready = browser.get("/readyz")
        assert status == 503
        assert "the disk is full" in json.loads(ready)["checks"]["storage"]

        filler.unlink()
        worker.close()
        assert browser.send(photo_bytes)[0] == 200
        metrics = browser.get("/metrics")[1]
        assert 'status="503"' in metrics
        assert children(web.pid) == serving, web.output()
        assert Path(f"/proc/{process}").exists()
        assert {path.suffix for path in (data / "metrics").glob("*/*_0.db")} == {".db"}
        web.stop()
    assert list((data / "metrics").iterdir()) == []
    assert [path.name for path in tmp.iterdir()] == ["filler"]


def test_a_process_counts_alone_where_its_counters_have_no_room(small_disks: Path) -> None:
    folder = small_disks / "tmp"
    filler = fill(folder)
    script = (
        "from faceroute_site.web.metric_files import count_in_them; count_in_them()\n"
        "from prometheus_client import Counter\n"
        "counted = Counter('name', 'text', ['label'])\n"
        "for label in range(2000): counted.labels(label).inc()\n"
        "print(counted.labels(7)._value.get())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1.0\n", done.stderr
    assert "This process counts alone" in done.stderr
    assert not list(folder.glob("*.db"))
    assert filler.exists()


def test_what_a_killed_server_left_is_removed_and_what_is_used_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    left = tmp_path / "left"
    left.mkdir()
    (left / "counter_0.db").touch()
    with folder_below(tmp_path):
        assert not left.exists()
        [used] = tmp_path.iterdir()
        with folder_below(tmp_path):
            assert used.exists()
            assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_processes_that_follow_one_another_count_on_in_the_same_files(tmp_path: Path) -> None:
    script = (
        "from faceroute_site.web.metric_files import count_in_them; count_in_them()\n"
        "from prometheus_client import Counter, CollectorRegistry, generate_latest, multiprocess\n"
        "Counter('name', 'text').inc()\n"
        "registry = CollectorRegistry(); multiprocess.MultiProcessCollector(registry)\n"
        "print(generate_latest(registry).decode())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for count in (1, 2, 3):
        shown = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"name_total {count}.0\n" in shown
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["counter_0.db", "histogram_0.db"]
