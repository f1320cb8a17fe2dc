"""Exports of versions: made when they are registered, or later by a job, and taken away."""

import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from predictions.model_server import load_pipeline
from tests.factories import UserFactory
from tests.training.trainable import small_version
from tests.vision.training_set import random_crops
from training.jobs import lifecycle
from training.models import ExportRun, JobState, ModelVersion
from training.registry import loading
from training.registry.loading import engine_of, load_engine
from training.registry.stored_bundles import bundle_path
from training.registry.versions import register_bundle
from training.runs import export_runs
from vision.bundles.bundle import WEIGHTS, Bundle, load_bundle, save_bundle
from vision.bundles.export import ABOUT, GRAPH, is_exported
from vision.bundles.onnx_graph import onnx_graph
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


def flip(file: Path) -> None:
    """Another content of the same size."""
    file.write_bytes(bytes(255 - byte for byte in file.read_bytes()))


def swap(file: Path) -> None:
    """The graph of a version with other weights of the same shapes, whole in itself."""
    bundle = load_bundle(file.parent)
    negated = {name: -values for name, values in bundle.tensors.items()}
    size = file.stat().st_size
    file.write_bytes(onnx_graph(Bundle(bundle.manifest, negated)))
    assert file.stat().st_size == size


@pytest.fixture
def damaged(small: ModelVersion) -> None:
    flip(bundle_path(small) / GRAPH)


def outputs(version: ModelVersion) -> Any:
    return engine_of(version, ("age",)).outputs(random_crops(2))["age"]


@pytest.mark.parametrize("damage", [flip, swap, Path.unlink])
def test_an_export_that_is_none_is_made_anew_once(
    small: ModelVersion,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    settings.ENGINE, settings.PRECISION = "openvino", "float32"
    graph = bundle_path(small) / GRAPH
    expected, whole = outputs(small), graph.read_bytes()
    damage(graph)
    load_pipeline(small)
    np.testing.assert_array_equal(outputs(small), expected)
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    export_runs.work(ExportRun.objects.get().pk)  # which loading it has asked for
    assert has_export(small)
    assert graph.read_bytes() == whole
    caplog.clear()
    np.testing.assert_array_equal(outputs(small), expected)
    assert not caplog.records


def test_a_version_that_has_its_export_asks_for_none(small: ModelVersion) -> None:
    load_pipeline(small)
    assert not ExportRun.objects.exists()


@pytest.fixture
def read_only(small: ModelVersion) -> Iterator[None]:
    """The folder of the version, on a mount that takes nothing."""
    folder = bundle_path(small)
    if subprocess.run(
        ["mount", "--bind", folder, folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("This user may not mount a folder.")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_read_only_version_serves_by_its_export(
    small: ModelVersion, read_only: None, caplog: pytest.LogCaptureFixture
) -> None:
    load_pipeline(small)
    assert not ExportRun.objects.exists()
    assert not caplog.records


@pytest.mark.usefixtures("damaged", "read_only")
def test_a_read_only_version_serves_without_its_export(
    small: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    load_pipeline(small)
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    assert not ExportRun.objects.exists()  # as nobody could write it


@pytest.mark.usefixtures("former", "read_only")
def test_an_export_that_cannot_be_written_is_told_of_in_words(
    small: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    load_pipeline(small)
    run = ExportRun.objects.get()
    export_runs.work(run.pk)
    run.refresh_from_db()
    assert run.sentence == (
        "0 versions were exported. “small” could not be exported: The folder of the model “small” "
        "cannot be written to."
    )
    assert not caplog.records


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


def test_an_export_that_is_damaged_is_not_handed_out(
    admin: Client, small: ModelVersion, damaged: None
) -> None:
    told = admin.get(page(small, "export"), follow=True).content.decode()
    assert "has not been exported yet" in told


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
