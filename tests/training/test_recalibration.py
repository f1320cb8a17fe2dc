"""A version from another: the same weights, calibrated on a dataset by what they give out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from tests.training.trainable import small_dataset, small_version
from training.datasets import curations
from training.models import Dataset, ModelVersion
from training.registry.stored_bundles import bundle_path
from training.registry.versions import active_version, register_bundle
from vision.bundles.bundle import Bundle, load_bundle, save_bundle
from vision.caches.crops import measured_reading
from vision.crops.reading import Reading
from vision.data.crop_files import read_example
from vision.heads.calibration import calibrate
from vision.heads.losses import head_targets
from vision.inference.engine import Engine

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"
    settings.DATASET_ROOT = tmp_path / "datasets"


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    return small_version(tmp_path / "small")


def run(*arguments: str) -> None:
    call_command("calibrate", "--name", "new", *arguments)


def test_it_has_the_same_weights_and_figures_of_its_own(
    dataset: Dataset, version: ModelVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--model", "small", "--dataset", dataset.name, "--json")
    told = json.loads(capsys.readouterr().out)
    made = ModelVersion.objects.get(name="new")
    assert told == {
        "model_version": "new", "reading": made.manifest["reading"], "metrics": made.metrics,
    }  # fmt: skip
    old, new = load_bundle(bundle_path(version)), load_bundle(bundle_path(made))
    assert old.tensors.keys() == new.tensors.keys()
    assert all((new.tensors[name] == values).all() for name, values in old.tensors.items())
    assert new.manifest == made.manifest
    curated = curations.curated(dataset, "full", 0)
    size = new.manifest["input_size"]
    assert Reading.of(new.manifest) == measured_reading(curated.train, size)
    assert made.report["metrics"]["n"] == len(curated.test)
    assert active_version() == version


def test_its_heads_are_calibrated_by_crops_that_are_read_as_it_says(
    dataset: Dataset, version: ModelVersion
) -> None:
    run()
    manifest = ModelVersion.objects.get(name="new").manifest
    engine = Engine(load_bundle(bundle_path(ModelVersion.objects.get(name="new"))))
    validation = curations.curated(dataset, "full", 0).validation
    outputs = engine.outputs(np.stack([read_example(one, 48) for one in validation]))
    for spec in engine.specs:
        targets, known = head_targets(spec, [one.labels for one in validation])
        expected = calibrate(spec, outputs[spec.name][known], targets[known])
        assert manifest["heads"][spec.name] == expected.as_json()


def test_it_says_where_it_comes_from(dataset: Dataset, version: ModelVersion) -> None:
    run("--model", "small")
    made = ModelVersion.objects.get(name="new")
    for key in ("data", "training", "licence", "input_size"):
        assert made.manifest[key] == version.manifest[key]
    assert made.manifest["calibration"]["of"] == "small"
    assert made.manifest["calibration"]["dataset"] == dataset.name
    card = (bundle_path(made) / "MODEL_CARD.md").read_text()
    assert "# The model new" in card
    assert "Its weights are those of `small`." in card
    assert "softened" in card


def test_what_is_said_of_its_test_is_of_the_images_it_was_tested_on(
    dataset: Dataset, version: ModelVersion, tmp_path: Path
) -> None:
    nobody = {name: {"somebody": 0} for name in ("age", "gender", "race")}
    learnt = {"classes": {"train": nobody, "test": nobody}, "agreement": None}
    bundle = load_bundle(bundle_path(version))
    save_bundle(tmp_path / "labelled", {**bundle.manifest, "labels": learnt}, bundle.tensors)
    register_bundle(tmp_path / "labelled", "labelled")
    run("--model", "labelled")
    labels = ModelVersion.objects.get(name="new").manifest["labels"]
    assert labels["classes"]["train"] == nobody
    tested = len(curations.curated(dataset, "full", 0).test)
    assert sum(labels["classes"]["test"]["gender"].values()) == tested


def test_it_can_be_calibrated_once_more(dataset: Dataset, version: ModelVersion) -> None:
    run()
    call_command("calibrate", "--model", "new", "--name", "newer")
    new, newer = (ModelVersion.objects.get(name=name).manifest for name in ("new", "newer"))
    assert newer["reading"] == new["reading"]
    assert newer["heads"] == new["heads"]


def test_a_version_of_before_weights_were_kept_is_told_what_its_recipe_weighed(
    dataset: Dataset, version: ModelVersion, tmp_path: Path
) -> None:
    bundle = load_bundle(bundle_path(version))
    heads = told_again(tmp_path, bundle, "race", balance=0.5)
    learnt = [one.labels["race"] for one in curations.curated(dataset, "full", 0).train]
    weights = heads["race"]["label_weights"]
    counts = np.bincount(learnt, minlength=5)
    # The rarer by half, the heavier by its root; the gender was not trained by this recipe.
    assert np.array(weights) / weights[0] == pytest.approx((counts / counts[0]) ** -0.5, rel=1e-3)
    assert "label_weights" not in heads["gender"]


def test_so_is_a_whole_network_of_what_its_recipe_weighed_ages(
    dataset: Dataset, version: ModelVersion, tmp_path: Path
) -> None:
    heads = told_again(tmp_path, load_bundle(bundle_path(version)), "age", age_balance=0.3)
    weights = heads["age"]["label_weights"]
    assert len(weights) == 101
    assert len(set(weights)) > 1
    assert "label_weights" not in heads["race"]


def told_again(folder: Path, bundle: Bundle, head: str, **balance: float) -> dict[str, Any]:
    """The heads that a version of such a recipe has when it is calibrated."""
    recipe = {**balance, "heads": {head: bundle.manifest["heads"][head]}}
    manifest = {**bundle.manifest, "training": {"recipe": recipe}}
    save_bundle(folder / "full", manifest, bundle.tensors)
    register_bundle(folder / "full", "full")
    run("--model", "full")
    heads: dict[str, Any] = ModelVersion.objects.get(name="new").manifest["heads"]
    return heads


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "small"], "already"),
        (["--name", "Small"], "already"),
        (["--model", "none"], "no model version called 'none'"),
        (["--dataset", "none"], "no dataset called 'none'"),
    ],
)
def test_it_says_what_is_missing(
    dataset: Dataset, version: ModelVersion, arguments: list[str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        run(*arguments)
    assert ModelVersion.objects.get() == version


def test_without_a_model_it_says_so(dataset: Dataset) -> None:
    with pytest.raises(CommandError, match="No model is active"):
        run()


def test_a_backbone_without_heads_cannot_be_calibrated(
    dataset: Dataset, version: ModelVersion, tmp_path: Path
) -> None:
    bundle = load_bundle(bundle_path(version))
    save_bundle(tmp_path / "backbone", {**bundle.manifest, "heads": {}}, bundle.tensors)
    register_bundle(tmp_path / "backbone", "backbone")
    with pytest.raises(CommandError, match="train heads on it first"):
        run("--model", "backbone")
