"""Machines with data folders of their own, which share a database and a storage, serve as one."""

import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Stack, wait_until
from tests.s3 import Bucket

pytestmark = pytest.mark.processes

_SECOND = """
from django.conf import settings
from training.registry.versions import register_bundle
register_bundle(settings.STARTER_BUNDLE, "second", activate=True)
"""


@pytest.fixture
def machines(tmp_path: Path, database: str, s3_server: int) -> Iterator[list[Stack]]:
    """Two machines with empty data folders."""
    bucket = Bucket(s3_server)
    bucket.create()
    shared = {"DATABASE_URL": database, "SECRET_KEY": "shared", **bucket.environment}
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with (
        Stack(folders[0] / "data", logs=folders[0], **shared) as first,
        Stack(folders[1] / "data", logs=folders[1], **shared) as second,
    ):
        yield [first, second]


def predict(url: str, key: str, photo: bytes) -> Any:
    """A photo's finished prediction."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    request = urllib.request.Request(  # noqa: S310
        f"{url}/api/v1/predictions/",
        data=head.encode() + photo + f"\r\n--{boundary}--\r\n".encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Prefer": "wait=60",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        },
    )
    with urllib.request.urlopen(request, timeout=70) as answer:  # noqa: S310
        return json.load(answer)


def test_a_new_machine_serves_and_changes_over_to_what_another_activates(
    machines: list[Stack], photo_bytes: bytes
) -> None:
    web, inference = machines
    web.manage("migrate", "--noinput", "--verbosity", "0")
    web.manage("register_starter")
    web.environment["DJANGO_SUPERUSER_PASSWORD"] = "unimportant"
    web.manage("createsuperuser", "--noinput", "--username", "ann", "--email", "")
    key = web.manage("create_api_key", "ann").strip()
    _, url = web.start_web()

    inference.start_redis()
    started = time.monotonic()
    worker = inference.start_worker()
    done = predict(url, key, photo_bytes)
    assert (done["status"], done["model_version"]) == ("done", "starter-10")
    assert time.monotonic() - started < 60
    assert "Fetched “weights.safetensors” of the model version “starter-10”." in worker.output()

    web.manage("shell", "--no-imports", "-c", _SECOND)
    wait_until(
        lambda: predict(url, key, photo_bytes)["model_version"] == "second",
        "the version that another machine activated serves",
        worker,
        seconds=20,
    )
    told = ',queues="inference",version="second"'
    wait_until(lambda: told in metrics(url), "the machine says what it serves", seconds=20)


def metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310
        text: str = answer.read().decode()
        return text
