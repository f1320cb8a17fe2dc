"""A real S3 server (moto's) as a process, with a bucket for each test."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faceroute_site.bucket import Bucket as Storage

from .processes import free_port, wait_until

LOGIN = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server at a port; another port may lead there."""

    port: int
    name: str = field(default_factory=lambda: f"faceroute-{uuid.uuid4().hex[:8]}")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to keep its files here."""
        return {
            **LOGIN,
            "FACEROUTE_S3_BUCKET": self.name,
            "FACEROUTE_S3_ENDPOINT": self.endpoint,
        }

    @property
    def storages(self) -> dict[str, Any]:
        """The default storage, for settings."""
        return {"default": {"BACKEND": "faceroute_site.bucket.Bucket", "OPTIONS": self._options}}

    @property
    def _options(self) -> dict[str, str]:
        login = {"access_key": "key", "secret_key": "secret", "default_acl": "private"}
        return {"bucket_name": self.name, "endpoint_url": self.endpoint, **login}

    @property
    def _objects(self) -> Any:
        return Storage(**self._options).bucket

    def create(self) -> None:
        self._objects.create()

    def remove(self) -> None:
        self._objects.objects.all().delete()
        self._objects.delete()

    def names(self) -> set[str]:
        """The keys of all objects."""
        return {one.key for one in self._objects.objects.all()}

    def read(self, name: str) -> bytes:
        data: bytes = self._objects.Object(name).get()["Body"].read()
        return data

    def write(self, name: str, data: bytes) -> None:
        self._objects.put_object(Key=name, Body=data)

    def delete(self, name: str) -> None:
        self._objects.Object(name).delete()


@contextmanager
def running_server(log: Path) -> Iterator[int]:
    """The port of an S3 server that runs within the block."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        # It is none of the site's processes, which are known by their data folder.
        environment = {**os.environ, **LOGIN, "FACEROUTE_DATA_DIR": ""}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            wait_until(lambda: "Running on" in log.read_text(), "the S3 server listens")
            yield port
        finally:
            server.kill()
            server.wait()
