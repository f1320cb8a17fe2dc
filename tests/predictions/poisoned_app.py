"""A worker whose network misbehaves, as libraries do, on photos of the widths named here."""

import io
import os
import signal
import threading
from collections.abc import Sequence

import django
from PIL import Image

from faceroute_site.celery import app

django.setup()

from predictions import draining, model_server  # noqa: E402
from tests.predictions.fakes import FakeEstimator  # noqa: E402

__all__ = ["app"]

CRASHES = 13
HANGS = 14


def misbehave(photos: Sequence[bytes]) -> None:
    widths = {Image.open(io.BytesIO(photo)).width for photo in photos}
    if CRASHES in widths:
        os.kill(os.getpid(), signal.SIGKILL)
    if HANGS in widths:
        threading.Event().wait()


model_server.model_server = model_server.ModelServer(lambda _: FakeEstimator(misbehave))
draining.LONGEST_BATCH = 2
