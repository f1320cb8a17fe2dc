"""Exports of versions: made when they are registered, or later by a job, and taken away."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.factories import UserFactory
from tests.training.trainable import small_version
from training.jobs import lifecycle
from training.models import ExportRun, JobState, ModelVersion
from training.registry import loading
from training.registry.loading import load_engine
from training.registry.stored_bundles import bundle_path
from training.registry.versions import register_bundle
from training.runs import export_runs
from vision.bundles.bundle import WEIGHTS, load_bundle, save_bundle
from vision.bundles.export import ABOUT, GRAPH, is_exported
from vision.inference.base import BaseEngine
from vision.inference.engine import Engine
from vision.inference.openvino_engine import OpenVinoEngine

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def model_root(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"


@pytest.fixture
def small(tmp_path: Path) -> ModelVersion:
    return small_version(tmp_path / "small")


@pytest.fixture
def former(small: ModelVersion) -> ModelVersion:
    """A version that was registered before there were exports."""
    for name in (GRAPH, ABOUT):
        (bundle_path(small) / name).unlink()
    return small


def has_export(version: ModelVersion) -> bool:
    return is_exported(bundle_path(version), version.manifest)


def test_a_version_is_exported_when_it_is_registered(small: ModelVersion) -> None:
    assert has_export(small)
    assert not export_runs.queue_where_due()


def test_a_bundle_that_cannot_be_exported_is_registered_all_the_same(
    small: ModelVersion, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = load_bundle(bundle_path(small))
    del bundle.tensors["conv3_2/kernel"]
    save_bundle(tmp_path / "lame", {**bundle.manifest, "name": "lame"}, bundle.tensors)
    assert not has_export(register_bundle(tmp_path / "lame", "lame"))
    assert "“lame” is not exported" in caplog.text


def test_a_backbone_without_heads_has_nothing_to_export(
    small: ModelVersion, tmp_path: Path
) -> None:
    bundle = load_bundle(bundle_path(small))
    save_bundle(tmp_path / "bare", {**bundle.manifest, "heads": {}}, bundle.tensors)
    assert not has_export(register_bundle(tmp_path / "bare", "bare"))
    assert not export_runs.queue_where_due()


def test_at_an_upgrade_versions_are_exported_in_the_background(
    former: ModelVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (bundle_path(former) / WEIGHTS).read_bytes()
    call_command("register_starter")
    assert "Versions wait to be exported" in capsys.readouterr().out
    run = ExportRun.objects.get()
    export_runs.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.sentence) == (JobState.DONE, "1 version was exported.")
    assert has_export(former)
    assert (bundle_path(former) / WEIGHTS).read_bytes() == before
    assert not export_runs.queue_where_due()


def test_a_broken_version_is_named_and_the_others_are_exported(
    former: ModelVersion, tmp_path: Path
) -> None:
    broken = register_bundle(bundle_path(former), "broken")
    (bundle_path(broken) / GRAPH).unlink()
    (bundle_path(broken) / WEIGHTS).write_bytes(b"x")
    assert export_runs.queue_where_due()
    run = ExportRun.objects.get()
    export_runs.work(run.pk)
    run.refresh_from_db()
    assert run.sentence.startswith("1 version was exported. “broken” could not be exported: ")
    assert has_export(former)


def test_an_export_whose_worker_is_lost_goes_on_by_itself(former: ModelVersion) -> None:
    assert export_runs.queue_where_due()
    run = ExportRun.objects.get()
    assert lifecycle.take(ExportRun, run.pk)
    ExportRun.objects.update(state=JobState.INTERRUPTED)
    assert lifecycle.resume_lost(ExportRun)
    export_runs.work(run.pk)
    assert has_export(former)


def test_the_engine_is_chosen_by_setting_and_machine(
    small: ModelVersion, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PRECISION = "float32"
    chosen: dict[tuple[str, bool], type[BaseEngine]] = {
        ("auto", False): OpenVinoEngine,
        ("auto", True): Engine,
        ("openvino", True): OpenVinoEngine,
        ("tensorflow", False): Engine,
    }
    for (settings.ENGINE, has_gpu), expected in chosen.items():
        monkeypatch.setattr(loading, "has_gpu", lambda has_gpu=has_gpu: has_gpu)
        loaded = load_engine(bundle_path(small), ("age",))
        assert isinstance(loaded, expected)
        assert (loaded.precision, [spec.name for spec in loaded.specs]) == ("float32", ["age"])


def test_a_version_serves_without_its_export_too(former: ModelVersion, settings: Any) -> None:
    settings.ENGINE = "openvino"
    assert type(load_engine(bundle_path(former))) is OpenVinoEngine


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def page(version: ModelVersion, name: str) -> str:
    return reverse(f"admin:training_modelversion_{name}", args=[version.pk])


def test_administrators_take_the_export_away(
    admin: Client, small: ModelVersion, user: User
) -> None:
    assert page(small, "export") in admin.get(page(small, "change")).content.decode()
    response: Any = admin.get(page(small, "export"))
    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as archive:
        assert archive.testzip() is None
        folder = "small-onnx"
        names = {f"{folder}/{name}" for name in (GRAPH, ABOUT, "MODEL_CARD.md")}
        assert set(archive.namelist()) == names
        about = json.loads(archive.read(f"{folder}/{ABOUT}"))
        assert archive.getinfo(f"{folder}/{GRAPH}").file_size == about["graph"]["bytes"]
    admin.force_login(user)
    assert admin.get(page(small, "export")).status_code == 302


def test_what_is_not_exported_yet_is_not_offered(admin: Client, former: ModelVersion) -> None:
    assert page(former, "export") not in admin.get(page(former, "change")).content.decode()
    told = admin.get(page(former, "export"), follow=True).content.decode()
    assert "has not been exported yet" in told


def test_the_page_of_an_export_tells_how_it_ended(admin: Client, former: ModelVersion) -> None:
    export_runs.queue_where_due()
    run = ExportRun.objects.get()
    export_runs.work(run.pk)
    run.refresh_from_db()
    url = reverse("admin:training_exportrun_change", args=[run.pk])
    assert "1 version was exported." in admin.get(url).content.decode()
    assert admin.get(reverse("admin:training_exportrun_changelist")).status_code == 200
