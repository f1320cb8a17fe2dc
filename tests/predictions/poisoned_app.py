"""A worker whose network dies at once, as a crashing library would, on a photo 13 pixels wide."""

import io
import os
import signal
from collections.abc import Sequence

import django
from PIL import Image

from faceroute_site.celery import app

django.setup()

from predictions import serving  # noqa: E402
from tests.predictions.fakes import FakeEstimator  # noqa: E402

__all__ = ["app"]


def die_of_poison(photos: Sequence[bytes]) -> None:
    if any(Image.open(io.BytesIO(photo)).width == 13 for photo in photos):
        os.kill(os.getpid(), signal.SIGKILL)


serving.model_server = serving.ModelServer(lambda _: FakeEstimator(die_of_poison))
