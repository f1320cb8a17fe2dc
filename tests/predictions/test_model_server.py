"""A worker process serves the active model version, and the one before while that cannot load."""

import subprocess
import sys
from typing import Any

import pytest

from predictions.model_server import Estimator, ModelServer
from tests.factories import ModelVersionFactory
from tests.predictions.fakes import FakeEstimator
from training.models import ModelVersion
from vision.errors import BundleCorrupt

pytestmark = pytest.mark.django_db


class Loader:
    """Loads any version but those called `broken`, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, version: ModelVersion) -> Estimator:
        self.asked.append(version.name)
        if version.name == "broken":
            raise BundleCorrupt("weights_differ", name="starter")
        if version.name == "strange":
            raise MemoryError
        return FakeEstimator()


def activate(name: str) -> None:
    ModelVersion.objects.update(is_active=False)
    version, _ = ModelVersion.objects.get_or_create(
        name=name, defaults={"bundle": name, "manifest": {}}
    )
    ModelVersion.objects.filter(pk=version.pk).update(is_active=True)


def served_name(server: ModelServer) -> str | None:
    served = server.current()
    return served.version.name if served else None


def test_a_version_is_loaded_once() -> None:
    activate("first")
    loader = Loader()
    server = ModelServer(loader)
    assert server.current() is server.current()
    assert loader.asked == ["first"]


def test_a_newly_activated_version_takes_over() -> None:
    loader = Loader()
    server = ModelServer(loader)
    for name in ("first", "second", "first"):
        activate(name)
        assert served_name(server) == name


@pytest.mark.parametrize("name", ["broken", "strange"])
def test_a_version_that_cannot_be_loaded_leaves_the_old_one_in_service(
    name: str, caplog: Any
) -> None:
    server = ModelServer(Loader())
    for version in ("first", name):
        activate(version)
        assert served_name(server) == "first"
    assert f"“{name}” cannot be loaded, “first” goes on serving" in caplog.text


def test_a_broken_version_is_not_tried_again_for_every_photo() -> None:
    activate("broken")
    loader = Loader()
    server = ModelServer(loader)
    assert [server.current() for _ in range(5)] == [None] * 5
    assert loader.asked == ["broken"]


def test_a_broken_version_is_tried_again_in_time() -> None:
    activate("broken")
    loader = Loader()
    server = ModelServer(loader, retry_after=0)
    assert [server.current() for _ in range(3)] == [None] * 3
    assert loader.asked == ["broken"] * 3


def test_nothing_serves_where_nothing_is_active(caplog: Any) -> None:
    ModelVersionFactory.create()
    assert ModelServer(Loader()).current() is None
    assert "No model version is active" in caplog.text


def test_importing_the_tasks_loads_no_tensorflow() -> None:
    code = (
        "import sys, django; django.setup(); import predictions.tasks; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
