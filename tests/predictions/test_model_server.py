"""A worker process serves the active model version, and an earlier one while that cannot load."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from predictions.messages import in_words
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
        if version.name.startswith("broken"):
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
    assert f"The active model version “{name}” cannot serve: “first” serves instead." in caplog.text
    assert server.problem is not None
    assert server.problem.parameters["instead"] == "first"


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


def version_from(name: str, previous: str = "", activated: int | None = None) -> None:
    """A version that took over from another, activated that many days ago."""
    ModelVersionFactory.create(
        name=name,
        previous=ModelVersion.objects.filter(name=previous).first(),
        activated_at=activated and timezone.now() - timedelta(days=activated),
    )


def test_a_new_process_serves_the_one_before_where_the_active_one_is_broken(caplog: Any) -> None:
    version_from("first", activated=9)
    version_from("second", "first", activated=8)
    version_from("broken-third", "second", activated=7)
    version_from("elsewhere", activated=1)
    version_from("broken", "broken-third", activated=2)
    activate("broken")
    loader = Loader()
    server = ModelServer(loader)
    assert [served_name(server) for _ in range(3)] == ["second"] * 3
    assert loader.asked == ["broken", "broken-third", "second"]
    assert server.version_name == "second"
    assert server.problem is not None
    assert in_words(server.problem) == (
        "Model version “broken” cannot be loaded, so “second” serves instead: "
        "The weights of the model “starter” are not those that were saved."
    )


def test_what_ever_served_serves_again_where_nothing_before_the_active_one_can() -> None:
    version_from("never")
    version_from("long ago", activated=9)
    version_from("lately", activated=3)
    version_from("broken lately", activated=2)
    activate("broken")
    assert served_name(ModelServer(Loader())) == "lately"


def test_the_active_one_takes_over_when_it_is_mended() -> None:
    version_from("first", activated=9)
    activate("broken")
    loader = Loader()
    server = ModelServer(loader, retry_after=0)
    assert [served_name(server) for _ in range(2)] == ["first", "first"]
    assert loader.asked == ["broken", "first", "broken"]  # the one in memory is not read again
    ModelVersion.objects.filter(name="broken").update(name="mended")
    assert served_name(server) == "mended"
    assert server.problem is None


def test_another_one_that_is_activated_takes_over_from_the_one_that_stood_in() -> None:
    version_from("first", activated=9)
    activate("broken")
    server = ModelServer(Loader())
    assert served_name(server) == "first"
    activate("good")
    assert served_name(server) == "good"
    assert server.problem is None


def test_one_that_stood_in_is_not_said_to_serve_where_nothing_is_active() -> None:
    version_from("first", activated=9)
    activate("broken")
    server = ModelServer(Loader())
    server.current()
    ModelVersion.objects.update(is_active=False)
    assert server.current() is None
    assert server.version_name == ""
    activate("broken")
    assert served_name(server) == server.version_name == "first"


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


def test_a_worker_loads_neither_pages_nor_their_administration() -> None:
    code = (
        "import sys; from faceroute_site.celery import app; app.Worker(queues=['inference']); "
        "pages = {'faceroute_site.urls', 'training.admin', 'predictions.admin'}; "
        "sys.exit(bool(pages & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
