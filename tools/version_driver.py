"""Runs inside a checkout of any version since e8f71bc and does what `compare_versions.py` asks.

Requests and answers are JSON, one a line. Whatever else is printed goes to standard error.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, os.getcwd())  # noqa: PTH109
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import django  # noqa: E402

django.setup()

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402


def first_of(*names: str) -> Any:
    """The first module of these names that the checkout has."""
    for name in names[:-1]:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
    return import_module(names[-1])


def worker_command() -> list[str]:
    """The inference worker as this version starts it."""
    programs = first_of("faceroute_site.machine.programs", "faceroute_site.programs")
    address = first_of("faceroute_site.machine.address", "faceroute_site.address")
    site = programs.site(address.Address("127.0.0.1", 1))
    return list(next(one.command for one in site if one.name == "inference"))


def estimate(photos: list[str], times: int) -> int:
    """Photos, one after another, on the worker's way from bytes to estimates; the faces."""
    estimator = _estimator()
    encoded = [Path(photo).read_bytes() for photo in photos]
    faces = 0
    for _ in range(times):
        for photo in encoded:
            if hasattr(estimator, "run"):
                (result,) = estimator.run([photo])
            else:
                (result,) = estimator.estimate(estimator.decode([photo]))
            faces += len(result.faces)
    return faces


def store(photo: str, times: int) -> list[str]:
    """An upload until it is stored and queued, as often; the keys of the predictions."""
    from predictions.access import Owner
    from predictions.uploads import accept_photo

    data = Path(photo).read_bytes()
    owner = Owner(user_id=_user())
    return [
        str(accept_photo(owner, SimpleUploadedFile("photo.jpg", data, "image/jpeg")).pk)
        for _ in range(times)
    ]


def forget() -> None:
    """Delete every photo."""
    from predictions.models import Photo

    Photo.objects.all().delete()


def status(prediction: str) -> str:
    from predictions.models import Prediction

    return str(Prediction.objects.values_list("status", flat=True).get(pk=prediction))


def _estimator() -> Any:
    served = first_of("predictions.model_server", "predictions.serving").model_server.current()
    if served is None:
        raise RuntimeError("No model serves.")
    return served.estimator


def _user() -> int:
    from django.contrib.auth.models import User

    return int(User.objects.get_or_create(username="ann")[0].pk)


_DOES: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (worker_command, estimate, store, forget, status)
}

for line in sys.stdin:
    asked = json.loads(line)
    answer = _DOES[asked.pop("do")](**asked)
    _answers.write(json.dumps(answer) + "\n")
    _answers.flush()
