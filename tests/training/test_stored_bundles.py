"""A version made on one machine is loaded on every other, whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.s3 import Bucket
from tests.training.trainable import small_version
from training.models import ExportRun, ModelVersion
from training.registry.loading import engine_of
from training.registry.stored_bundles import bundle_here, bundle_path, load_version, store_waiting
from training.registry.versions import (
    activate_version,
    active_version,
    has_export,
    register_bundle,
    trained_on,
)
from training.runs import export_runs
from vision.bundles.bundle import MANIFEST, TRAINED_ON, WEIGHTS, load_bundle, save_bundle
from vision.bundles.export import ABOUT, GRAPH, read_export
from vision.bundles.trained_on import of_examples
from vision.errors import BundleAway, BundleCorrupt, BundleMissing
from vision.inference.openvino_engine import OpenVinoEngine

pytestmark = pytest.mark.django_db

Moving = Callable[[str], Path]


@pytest.fixture
def on(settings: Any, tmp_path: Path) -> Moving:
    """Goes to a machine: its data folder is in use from then on."""

    def go(machine: str) -> Path:
        settings.MODEL_ROOT = tmp_path / machine
        return tmp_path / machine

    go("first")
    return go


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    manifest = {"name": "tiny", "architecture": "vgg16", "input_size": 96, "heads": {"age": {}}}
    learnt = of_examples(["ab" * 32], [1], "f")
    save_bundle(tmp_path / "made", manifest, {"a": np.zeros(3)}, trained_on=learnt)
    return tmp_path / "made"


@pytest.fixture
def version(bucket: Bucket, on: Moving, bundle: Path) -> ModelVersion:
    return register_bundle(bundle, "tiny")


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_what_is_registered_on_one_machine_is_loaded_and_activated_on_another(
    version: ModelVersion, on: Moving
) -> None:
    other = on("second")
    assert load_version(version).manifest["name"] == "tiny"
    assert files_of(other) == {MANIFEST, WEIGHTS, TRAINED_ON}
    activate_version(version)
    assert active_version() == version
    on("third")
    learnt = trained_on(version)
    assert learnt
    assert learnt.holds(["ab" * 32]).all()
    assert files_of(bundle_path(version)) == {TRAINED_ON}  # nothing else was needed for that


def test_an_export_travels_with_its_version(bucket: Bucket, on: Moving, tmp_path: Path) -> None:
    version = small_version(tmp_path / "small")
    made = read_export(bundle_path(version), version.manifest)
    on("second")
    assert has_export(version)
    assert files_of(bundle_path(version)) == {ABOUT}
    assert isinstance(engine_of(version), OpenVinoEngine)
    assert read_export(bundle_path(version), version.manifest) == made is not None


def test_an_export_that_is_made_later_is_stored(bucket: Bucket, on: Moving, tmp_path: Path) -> None:
    version = small_version(tmp_path / "small")
    files = {name: one for name, one in version.files.items() if name not in {GRAPH, ABOUT}}
    ModelVersion.objects.update(files=files)
    on("second")
    assert export_runs.queue_where_due()
    export_runs.work(ExportRun.objects.get().pk)
    version.refresh_from_db()
    on("third")
    assert has_export(version)
    assert read_export(bundle_here(version), version.manifest)


def test_a_copy_of_an_export_that_was_damaged_is_fetched_again(
    bucket: Bucket, on: Moving, tmp_path: Path
) -> None:
    version = small_version(tmp_path / "small")
    graph = bundle_path(version) / GRAPH
    whole = graph.read_bytes()
    graph.write_bytes(bytes(len(whole)))
    assert isinstance(engine_of(version), OpenVinoEngine)
    assert has_export(version)
    assert bundle_here(version) == graph.parent
    assert graph.read_bytes() == whole


@pytest.mark.parametrize("name", [ABOUT, GRAPH])
def test_a_version_whose_export_the_storage_has_lost_serves_and_is_exported_again(
    bucket: Bucket, on: Moving, tmp_path: Path, name: str
) -> None:
    version = small_version(tmp_path / "small")
    bucket.delete(f"models/{version.files[name]['sha256']}")
    on("second")
    assert isinstance(engine_of(version), OpenVinoEngine)
    assert export_runs.queue_where_due()
    export_runs.work(ExportRun.objects.get().pk)
    version.refresh_from_db()
    on("third")
    assert read_export(bundle_here(version), version.manifest)


def test_a_damaged_export_is_not_stored(
    on: Moving, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    version = small_version(tmp_path / "small")
    graph = bundle_path(version) / GRAPH
    graph.write_bytes(bytes(graph.stat().st_size))
    request.getfixturevalue("bucket")  # from now on there is one
    assert store_waiting() == 1
    version.refresh_from_db()
    assert not {ABOUT, GRAPH} & version.files.keys()


def test_a_copy_that_was_damaged_is_fetched_again(version: ModelVersion, on: Moving) -> None:
    weights = bundle_path(version) / WEIGHTS
    weights.write_bytes(bytes(weights.stat().st_size))
    with pytest.raises(BundleCorrupt):
        load_bundle(bundle_path(version))
    assert load_version(version).tensors["a"].tolist() == [0, 0, 0]
    assert load_bundle(bundle_path(version))


@pytest.mark.parametrize("damage", ["gone", "half", "other"])
def test_what_is_damaged_in_the_storage_is_never_loaded(
    version: ModelVersion, on: Moving, bucket: Bucket, damage: str
) -> None:
    name = f"models/{version.files[WEIGHTS]['sha256']}"
    data = bucket.read(name)
    if damage == "gone":
        bucket.delete(name)
    else:
        bucket.write(name, data[: len(data) // 2] if damage == "half" else data[::-1])
    other = on("second")
    with pytest.raises(BundleMissing, match="missing from the storage, or is damaged"):
        load_version(version)
    assert files_of(other) <= {TRAINED_ON}  # no half of anything, and no manifest


def test_a_storage_that_is_away_says_so_and_changes_nothing(
    version: ModelVersion, on: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise ConnectionError("no route")

    on("second")
    with monkeypatch.context() as patch:
        patch.setattr("faceroute_site.bucket.Bucket.open", away)
        for use in (load_version, trained_on):
            with pytest.raises(BundleAway, match="is not responding"):
                use(version)
    assert load_version(version)


def test_what_could_not_be_stored_serves_here_and_is_stored_later(
    bucket: Bucket, on: Moving, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("507 Insufficient Storage")

    with monkeypatch.context() as patch:
        patch.setattr("faceroute_site.bucket.Bucket.save", full)
        version = register_bundle(bundle, "tiny", activate=True)
    assert version.files == {}
    assert load_version(version)
    on("second")
    with pytest.raises(BundleMissing, match="still only on the machine that made it"):
        load_version(version)
    assert store_waiting() == 0  # another has it
    on("first")
    assert store_waiting() == 1
    assert store_waiting() == 0
    version.refresh_from_db()
    on("second")
    assert load_version(version)


def test_a_damaged_bundle_of_before_is_not_stored(bucket: Bucket, on: Moving, bundle: Path) -> None:
    version = register_bundle(bundle, "tiny")
    ModelVersion.objects.update(files={})
    weights = bundle_path(version) / WEIGHTS
    weights.write_bytes(bytes(weights.stat().st_size))
    assert store_waiting() == 0


def test_weights_that_two_versions_share_are_stored_once(
    version: ModelVersion, bundle: Path, bucket: Bucket
) -> None:
    names = bucket.names()
    second = register_bundle(bundle, "second")
    assert bucket.names() == names
    assert second.files == version.files


def test_on_one_machine_nothing_is_stored_twice(on: Moving, bundle: Path, media_root: Path) -> None:
    version = register_bundle(bundle, "tiny", activate=True)
    assert version.files == {}
    assert store_waiting() == 0
    assert not media_root.exists()
