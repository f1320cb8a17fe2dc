"""Labels that are wrong or one-sided are found when a head learns them, by what serves."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.factories import DatasetFactory, SampleFactory
from tests.training.examined import exam_of, sat
from tests.training.trainable import quick, small_version
from tests.vision.training_set import make_example
from training.datasets import example_files
from training.exams import gate
from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.registry.stored_bundles import bundle_path
from training.registry.versions import activate_version, active_version
from training.runs.trainings import create_training, execute, take
from vision.attributes import Labels
from vision.bundles.bundle import load_bundle
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import Example
from vision.evaluation.evaluate import score
from vision.evaluation.scores import Scores
from vision.inference.engine import Engine

# Committed as in life: the run's heart beats on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = 400


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Their tint tells the gender."""
    folder = tmp_path_factory.mktemp("pictures")
    return [make_example(folder, number) for number in range(PICTURES + 120)]


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for name in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{name}_ROOT", tmp_path / name.lower())


def dataset_of(name: str, pictures: Iterable[Example], gender: Callable[[Labels], int]) -> Dataset:
    dataset: Dataset = DatasetFactory.create(name=name)
    for number, one in enumerate(pictures):
        SampleFactory.create(
            dataset=dataset,
            name=f"{number}.png",
            digest=example_files.keep(one.path.read_bytes()),
            age=one.labels["age"],
            gender=gender(one.labels),
            race=one.labels["race"],
            bucket=int(one.digest, 16) % 20,
        )
    return dataset


def trained(dataset: Dataset) -> TrainingRun:
    """A head for the gender that was to serve."""
    recipe = quick(epochs=30, patience=30, learning_rate=0.1)
    run = create_training(dataset, recipe, backbone=None, activate=True, user=None)
    assert execute(take(run.pk)) == JobState.DONE, run.sentence
    run.refresh_from_db()
    return run


def answers(version: ModelVersion, pictures: list[Example]) -> Scores:
    """What a version says of pictures that nobody has learnt from."""
    asked = [LabelledFile(one.digest, one.path.read_bytes(), one.labels) for one in pictures]
    return score(Engine(load_bundle(bundle_path(version))), asked).scores


def test_swapped_genders_are_contradicted_by_what_serves(
    pictures: list[Example], tmp_path: Path
) -> None:
    """Its own test, swapped too, finds nothing wrong."""
    small_version(tmp_path / "small")
    known, kept_aside = pictures[:PICTURES], pictures[PICTURES:]
    right = trained(dataset_of("right", known, lambda labels: labels["gender"])).version
    assert right is not None
    assert right.metrics["gender_accuracy"] > 0.9
    assert right.manifest["labels"]["agreement"]["version"] == "small"
    activate_version(right)

    run = trained(dataset_of("swapped", known, lambda labels: 1 - labels["gender"]))
    swapped = run.version
    assert swapped is not None
    assert swapped.metrics["gender_accuracy"] > 0.9
    assert active_version() == right
    assert run.waits_for_decision
    agreement = swapped.manifest["labels"]["agreement"]
    assert agreement["version"] == right.name
    assert agreement["n"] == 300
    assert agreement["gender"] < 0.1
    assert f"labels of the gender that it has learnt contradict “{right.name}”" in run.sentence

    exam_of(answers(right, kept_aside))
    for version in (right, swapped):
        sat(version, answers(version, kept_aside))
    figures = [one for one in gate.warnings(swapped, right) if one.startswith("Gender, accuracy: ")]
    assert "on the same 120 images; it is worse, by" in figures[0]


def test_a_head_that_has_seen_men_alone_waits(pictures: list[Example], tmp_path: Path) -> None:
    small_version(tmp_path / "small")
    men = [one for one in pictures if one.labels["gender"] == 0]
    run = trained(dataset_of("men", men, lambda labels: labels["gender"]))
    version = run.version
    assert version is not None
    assert version.metrics["gender_accuracy"] == 1.0
    counts = version.manifest["labels"]["classes"]["train"]["gender"]
    assert (counts["male"] > 200, counts["female"]) == (True, 0)
    assert run.waits_for_decision
    assert "It has learnt from too few images of: female (0)." in run.sentence
    assert "Its own test has too few images of: female (0)." in run.sentence


def test_where_nothing_serves_there_is_nobody_to_agree_with(
    pictures: list[Example], tmp_path: Path
) -> None:
    backbone = small_version(tmp_path / "small")
    ModelVersion.objects.update(is_active=False)
    dataset = dataset_of("few", pictures[:80], lambda labels: labels["gender"])
    run = create_training(dataset, quick(epochs=1), backbone=backbone, activate=False, user=None)
    execute(take(run.pk))
    run.refresh_from_db()
    assert run.version is not None
    assert run.version.manifest["labels"]["agreement"] is None
    assert not run.waits_for_decision
