"""The services of docker-compose.yml as processes: PostgreSQL, Redis, web, workers, scheduler.

No container engine is needed; the command lines are read from the file, so that they cannot drift.
"""

import json
import os
import shutil
import urllib.request
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import ROOT, Process, Stack, free_port, wait_until

pytestmark = pytest.mark.processes

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.fixture
def site(tmp_path: Path, database: str) -> Iterator[tuple[Stack, str]]:
    redis = shutil.which("redis-server")
    if redis is None:
        pytest.skip("No redis-server was found. On Debian: apt-get install redis-server")
    redis_port, port = free_port(), free_port()
    environment = {
        "DATABASE_URL": database,
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
    }
    with Stack(tmp_path / "data", logs=tmp_path, **environment) as stack:
        queue = stack.start(
            "redis", redis, *SERVICES["redis"]["command"][1:], "--port", str(redis_port)
        )
        wait_until(lambda: "Ready to accept" in queue.output(), "Redis accepts", queue)
        stack.manage("migrate", "--noinput", "--verbosity", "0")
        stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        stack.manage("register_starter")
        _start_all(stack)
        yield stack, f"http://127.0.0.1:{port}"


def _start_all(stack: Stack) -> None:
    started: list[Process] = []
    for name in ("web", "inference", "inference", "data", "training", "beat"):
        command = list(SERVICES[name]["command"])
        if name == "inference":
            place = command.index("-n") + 1
            command[place] = f"inference{len(started)}@%h"
        started.append(stack.start(name, *command))
    for process in started[1:5]:
        wait_until(partial(_is_ready, process), "a worker is ready", process)


def _is_ready(worker: Process) -> bool:
    return " ready." in worker.output()


def _call(url: str, **options: Any) -> tuple[int, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=70) as answer:  # noqa: S310
        return answer.status, json.load(answer)


def test_a_photo_travels_through_the_production_services(
    site: tuple[Stack, str], photo_bytes: bytes
) -> None:
    stack, url = site
    wait_until(lambda: _ready(url), "the site is ready")
    for name in ("inference", "data", "training", "beat"):  # as the containers ask themselves
        stack.manage(*SERVICES[name]["healthcheck"]["test"][3:])
    stack.environment["DJANGO_SUPERUSER_PASSWORD"] = "unimportant"
    stack.manage("createsuperuser", "--noinput", "--username", "ann", "--email", "")
    key = stack.manage("create_api_key", "ann").strip()
    boundary = uuid.uuid4().hex
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        + photo_bytes
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {
        "Authorization": f"Bearer {key}",
        "Prefer": "wait=60",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    status, document = _call(f"{url}/api/v1/predictions/", data=body, headers=headers)
    assert status == 201
    assert document["status"] == "done"
    assert document["model_version"] == "starter-10"
    assert document["faces"][0]["gender"]["label"] == "female"
    for gender, count in (("female", 1), ("male", 0)):  # in columns that the database generates
        query = f"gender={gender}&age_min=10&faces_min=1"
        found = _call(f"{url}/api/v1/predictions/?{query}", headers=headers)[1]["results"]
        assert len(found) == count


def _ready(url: str) -> bool:
    try:
        return bool(_call(f"{url}/readyz")[1]["status"] == "ok")
    except OSError:
        return False
