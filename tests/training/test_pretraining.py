"""A model from scratch is a training run like any other, and needs no model before it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.training.trainable import small_dataset, small_version
from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.registry.stored_bundles import bundle_path
from training.registry.versions import active_version
from training.runs.trainings import TrainingRefused, create_training, execute, take
from vision.bundles.bundle import load_bundle
from vision.training import known_recipes, network_recipes
from vision.training.known_recipes import named, recorded
from vision.training.network_recipes import NetworkRecipe, Stage
from vision.training.recipe import RecipeInvalid

pytestmark = pytest.mark.django_db

TINY = network_recipes.STARTER_CPU.with_changes(
    name="tiny", heads=["gender"], stages=(Stage(48, 1, 32),)
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path, shared: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"
    settings.TRAINING_ROOT = tmp_path / "trainings"
    settings.DATASET_ROOT = shared / "datasets"


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


def create(dataset: Dataset, recipe: NetworkRecipe = TINY, **options: Any) -> TrainingRun:
    options = {"backbone": None, "activate": False, "user": None} | options
    return create_training(dataset, recipe, **options)


def go_on(run: TrainingRun, on_progress: Callable[[str, int, int], None] | None = None) -> JobState:
    try:
        return execute(take(run.pk), on_progress)
    finally:
        run.refresh_from_db()


def test_from_scratch_to_a_version_that_serves(dataset: Dataset, settings: Any) -> None:
    run = create(dataset, activate=True, even_if_worse=True)
    assert recorded(run.recipe) == TINY
    assert go_on(run) == JobState.DONE, run.sentence
    assert run.version is not None
    assert run.version == active_version()
    manifest = load_bundle(bundle_path(run.version)).manifest
    assert manifest["training"]["trunk"] is None
    assert manifest["training"]["recipe"]["name"] == "tiny"
    assert manifest["metrics"]["n"] > 0
    assert len(run.history["1: 48 px"]) == 1
    assert not list(settings.TRAINING_ROOT.iterdir())  # nor the crops


def test_a_run_that_was_cut_off_goes_on(dataset: Dataset) -> None:
    run = create(dataset, TINY.with_changes(stages=(Stage(48, 2, 16),)))

    def watch(phase: str, done: int, _total: int) -> None:
        if phase == "1: 48 px" and done == 5:  # of four steps an epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_on(run, watch)
    told: list[tuple[str, int]] = []
    TrainingRun.objects.update(state=JobState.INTERRUPTED)
    assert go_on(run, lambda phase, done, _total: told.append((phase, done))) == JobState.DONE
    assert ("1: 48 px", 1) not in told
    assert len(run.history["1: 48 px"]) == 2


def test_it_may_start_from_a_versions_weights(dataset: Dataset, tmp_path: Path) -> None:
    version = small_version(tmp_path / "small")
    run = create(dataset, backbone=version)
    assert go_on(run) == JobState.DONE, run.sentence
    assert run.version is not None
    assert run.version.manifest["training"]["trunk"]["version"] == "small"


def test_an_active_model_is_not_what_it_starts_from(dataset: Dataset, tmp_path: Path) -> None:
    small_version(tmp_path / "small")
    assert create(dataset).backbone is None


def test_what_goes_on_from_weights_takes_those_of_the_active_version(
    dataset: Dataset, tmp_path: Path
) -> None:
    further = TINY.with_changes(frozen_blocks=2)
    with pytest.raises(TrainingRefused, match="No model is active"):
        create(dataset, further)
    version = small_version(tmp_path / "small")
    run = create(dataset, further)
    assert run.backbone == version
    assert go_on(run) == JobState.DONE, run.sentence


def test_too_small_a_disk_is_said_before_anything_starts(dataset: Dataset, settings: Any) -> None:
    settings.DATA_DIR = Path("/proc")  # a file system with no room at all
    with pytest.raises(TrainingRefused, match=r"needs \d+\.\d MB on the disk"):
        create(dataset)


def test_what_a_recipe_for_heads_may_change_one_from_scratch_refuses() -> None:
    assert named("starter-cpu", seed=3).seed == 3
    with pytest.raises(RecipeInvalid, match="cannot be changed"):
        named("starter-cpu", epochs=3)


def test_the_command_trains_and_prints_what_it_made(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(known_recipes.RECIPES, "starter-cpu", TINY)
    call_command("pretrain", "--recipe", "starter-cpu", "--seed", "5", "--json")
    report = json.loads(capsys.readouterr().out)
    version = ModelVersion.objects.get(name=report["model_version"])
    assert version.manifest["training"]["seed"] == 5
    assert report["metrics"]["n"] == version.metrics["n"]
    assert active_version() is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recipe", "starter-cpu"], "no dataset yet"),
        (["--resume", "7"], "no training run 7"),
        (["--resume", "7", "--seed", "1"], "without seed"),
    ],
)
def test_the_command_says_what_is_missing(db: None, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("pretrain", *arguments)


def test_the_command_says_that_there_is_no_such_version(dataset: Dataset) -> None:
    with pytest.raises(CommandError, match="no model version called 'none'"):
        call_command("pretrain", "--recipe", "starter-cpu", "--start", "none")
