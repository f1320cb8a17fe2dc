"""A worker whose network takes no time and loads nothing: what is left is the way to it."""

import django

from faceroute_site.celery import app

django.setup()

from predictions import model_server  # noqa: E402
from tests.predictions.fakes import FakeEstimator  # noqa: E402

__all__ = ["app"]

model_server.model_server = model_server.ModelServer(lambda _: FakeEstimator())
