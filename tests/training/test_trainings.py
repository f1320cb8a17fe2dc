"""From a click to a version: refused in words, one at a time, whole or not at all, resumable."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone, translation

from tests.training.trainable import quick, small_dataset, small_version
from tests.training.training_runs import lose_workers
from training.datasets import example_files
from training.datasets.curations import curated
from training.jobs import lifecycle
from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.registry.stored_bundles import bundle_path
from training.registry.versions import activate_version, active_version
from training.runs.training_log import lines_in_words
from training.runs.trainings import (
    TrainingRefused,
    create_training,
    execute,
    request_training,
    take,
)
from vision.bundles.bundle import WEIGHTS, Bundle, load_bundle
from vision.caches.crops import measured_reading
from vision.caches.features import PLAIN, open_features
from vision.training.head_recipes import HEAD_RECIPES, HeadRecipe

# Committed as in life: the run's heart beats on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

TWO_HEADS = HEAD_RECIPES["full"].with_changes(
    heads=["age", "gender"], epochs=3, batch=16, mirror=False
)
DISK_FULL = "The disk is full. Please make room and resume; what was done is kept."


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images and features, the same for every test."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path, shared: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"
    settings.TRAINING_ROOT = tmp_path / "trainings"
    settings.DATASET_ROOT = shared / "datasets"
    settings.FEATURE_ROOT = shared / "features"


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


@pytest.fixture
def backbone(db: None, tmp_path: Path) -> ModelVersion:
    return small_version(tmp_path / "small")


def create(dataset: Dataset, with_recipe: HeadRecipe | None = None, **options: Any) -> TrainingRun:
    options = {"backbone": None, "activate": False, "user": None} | options
    return create_training(dataset, with_recipe or quick(), **options)


def go_on(run: TrainingRun, on_progress: Callable[[str, int, int], None] | None = None) -> JobState:
    """Hold a run and execute it; `run` is as the database has it afterwards."""
    try:
        return execute(take(run.pk), on_progress)
    finally:
        run.refresh_from_db()


# Who may start when


def test_a_request_waits_with_its_whole_recipe_and_the_active_backbone(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    run = request_training(dataset, quick(seed=7), backbone=None, activate=True, user=None)
    assert (run.state, run.backbone, run.activate) == (JobState.QUEUED, backbone, True)
    assert HeadRecipe.from_json(run.recipe) == quick(seed=7)


def test_without_a_model_there_is_no_backbone_to_train_on(dataset: Dataset) -> None:
    with pytest.raises(TrainingRefused, match="No model is active"):
        create(dataset)


def test_a_dataset_without_images_for_a_split_is_refused(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    dataset.samples.update(override="drop", reason="excluded")
    with pytest.raises(TrainingRefused, match="leaves no image for train and validation and test"):
        create(dataset)


def test_too_small_a_cache_is_said_before_anything_starts(
    dataset: Dataset, backbone: ModelVersion, settings: Any
) -> None:
    settings.FEATURE_BYTES = 10_000
    with pytest.raises(TrainingRefused, match=r"features need \d+ kB, and the cache may hold 10"):
        create(dataset)


def test_too_small_a_disk_is_said_before_anything_starts(
    dataset: Dataset, backbone: ModelVersion, settings: Any, tmp_path: Path
) -> None:
    settings.FEATURE_ROOT = tmp_path / "none"
    settings.DATA_DIR = Path("/proc")  # a file system with no room at all
    with pytest.raises(TrainingRefused, match=r"needs \d+\.\d MB on the disk"):
        create(dataset)
    assert not TrainingRun.objects.exists()


def test_a_second_training_is_refused_while_one_waits_or_runs(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    first = create(dataset)
    with pytest.raises(TrainingRefused, match="already in progress"):
        create(dataset)
    lifecycle.cancel(first)
    assert create(dataset).state == JobState.QUEUED


def test_two_clicks_at_once_give_one_run_and_one_refusal(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    def click(_: int) -> str:
        try:
            request_training(dataset, quick(), backbone=None, activate=False, user=None)
        except TrainingRefused as refused:
            return str(refused)
        finally:
            connection.close()
        return "started"

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(click, range(6)))
    assert TrainingRun.objects.count() == 1
    assert answers.count("started") == 1
    assert set(answers) - {"started"} == {
        "A training is already in progress. Please wait for it to end, or stop it."
    }


def test_a_run_whose_worker_is_lost_stands_in_nobodys_way(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    lost = take(create(dataset).pk)
    lose_workers()
    create(dataset)
    lost.refresh_from_db()
    assert lost.state == JobState.INTERRUPTED


def test_going_on_is_refused_in_words_while_another_goes(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    old = create(dataset)
    lifecycle.cancel(old)
    old.refresh_from_db()
    create(dataset)
    with pytest.raises(lifecycle.JobRefused, match="Another run is already in progress"):
        lifecycle.resume(old)
    with pytest.raises(lifecycle.JobRefused, match="Another run is already in progress"):
        take(old.pk)
    old.refresh_from_db()
    assert old.state == JobState.CANCELLED


def test_a_run_that_is_done_or_going_is_not_taken(dataset: Dataset, backbone: ModelVersion) -> None:
    run = take(create(dataset).pk)
    with pytest.raises(TrainingRefused, match="may be done, or in progress"):
        take(run.pk)


# The way to a version


def test_a_training_makes_a_version_that_says_where_it_comes_from(
    dataset: Dataset, backbone: ModelVersion, settings: Any
) -> None:
    run = create(dataset, quick(seed=5))
    told: list[str] = []
    assert go_on(run, lambda phase, _done, _total: told.append(phase)) == JobState.DONE

    assert list(dict.fromkeys(told)) == [
        "copies", "features", "gender", "calibration", "labels", "test", "exam",
    ]  # fmt: skip
    assert [set(epoch["gender"]) for epoch in run.history["gender"]] == 3 * [
        {"loss", "validation_loss", "validation_accuracy"}
    ]
    version = run.version
    assert version is not None
    assert version.name == f"full-{run.pk}"
    assert active_version() == backbone
    manifest = load_bundle(bundle_path(version)).manifest
    assert manifest == version.manifest
    found = curated(dataset, "full")
    assert manifest["data"] == {
        "dataset": "tiny",
        "recipe": "full",
        "seed": 0,
        "fingerprint": found.fingerprint,
        "counts": {
            "train": len(found.train),
            "validation": len(found.validation),
            "test": len(found.test),
        },
        "corrections": {"count": 0, "senders": 0},
    }
    training = manifest["training"]
    assert training["recipe"] == quick(seed=5).as_json()
    assert (training["seed"], training["trunk"]["version"]) == (5, "small")
    assert training["history"] == run.history
    assert {"tensorflow", "keras", "numpy"} <= training["libraries"].keys()
    assert manifest["metrics"]["n"] == len(found.test)
    assert version.report["metrics"] == manifest["metrics"]
    assert version.report["edits"]["n"] == len(found.test)
    assert (
        (bundle_path(version) / "MODEL_CARD.md")
        .read_text()
        .startswith(f"# The model {version.name}\n")
    )
    assert not list(settings.TRAINING_ROOT.iterdir())


def test_the_log_tells_what_happens_line_by_line(dataset: Dataset, backbone: ModelVersion) -> None:
    run = create(dataset)
    said: list[str] = []
    execute(take(run.pk), say=said.append)
    run.refresh_from_db()
    assert [line.split(" ", 2)[2] for line in lines_in_words(run.log)] == said
    assert said[0].startswith("full on tiny: ")
    epochs = [line.split(" (")[0] for line in said if line.startswith("Gender, ")]
    assert epochs == [f"Gender, epoch {n} of 3" for n in (1, 2, 3)]
    assert " s): validation loss " in said[1]
    assert said[-2].startswith("Tested on ")
    assert said[-1] == f"The model “full-{run.pk}” is ready."
    with translation.override("ko"):
        korean = [line.split(" ", 2)[2] for line in lines_in_words(run.log)]
    assert len(korean) == len(said)
    assert all(re.search("[가-힣]", line) for line in korean)


def test_lines_of_a_log_are_read_whoever_wrote_them(settings: Any) -> None:
    later = '2026-11-27 08:00:01 {"code": "log.of_later", "parameters": {}}'
    with timezone.override("Asia/Seoul"):
        told = lines_in_words(f"2026-11-27 08:00:00 age 1/3: loss 4\n{later}\nno time")
    assert told[0] == "2026-11-27 17:00:00 age 1/3: loss 4"
    assert "another version of FaceRoute" in told[1]
    assert told[2] == "no time"


def test_the_log_keeps_its_last_lines(dataset: Dataset, backbone: ModelVersion) -> None:
    run = create(dataset)
    TrainingRun.objects.filter(pk=run.pk).update(log="\n".join(f"line {n}" for n in range(600)))
    go_on(run)
    lines = run.log.splitlines()
    added = [line for line in lines if not line.startswith("line ")]
    assert added
    assert lines == [*(f"line {n}" for n in range(100 + len(added), 600)), *added]


def test_what_something_speaks_against_waits_for_a_decision(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    run = create(dataset, activate=True)
    assert go_on(run) == JobState.DONE
    assert run.version is not None
    assert active_version() == backbone
    assert run.waits_for_decision
    assert "It waits for your decision, because:" in run.sentence
    assert "Its own test has" in run.sentence
    activate_version(run.version)
    run.refresh_from_db()
    assert not run.waits_for_decision


def test_who_says_so_beforehand_lets_it_serve_even_so(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    run = create(dataset, activate=True, even_if_worse=True)
    go_on(run)
    assert active_version() == run.version
    assert not run.waits_for_decision
    assert "It is now active. Reasons against it: Its own test has" in run.sentence


def test_a_name_that_is_taken_gets_a_number(dataset: Dataset, backbone: ModelVersion) -> None:
    run = create(dataset)
    backbone.name = f"full-{run.pk}"
    backbone.save()
    go_on(run)
    assert run.version is not None
    assert run.version.name == f"full-{run.pk}-2"


def test_the_same_seed_gives_the_same_version_and_another_does_not(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    tensors = []
    for seed in (1, 1, 2):
        run = create(dataset, quick(seed=seed, learning_rate=0.05))
        go_on(run)
        assert run.version
        tensors.append(load_bundle(bundle_path(run.version)).tensors["gender/Output/kernel"])
    np.testing.assert_allclose(tensors[0], tensors[1], atol=1e-5)
    assert abs(tensors[0] - tensors[2]).max() > 1e-3


# What comes between


def at(phase: str, what: Callable[[], None]) -> Callable[[str, int, int], None]:
    """A listener that does something once a phase is under way."""

    def listen(told: str, done: int, _total: int) -> None:
        if told == phase and done:
            what()

    return listen


def interrupt() -> None:
    raise KeyboardInterrupt


def epochs(run: TrainingRun) -> dict[str, int]:
    return {phase: len(history) for phase, history in run.history.items()}


def test_a_cancelled_run_makes_no_version_and_can_go_on(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    run = create(dataset, TWO_HEADS)
    assert go_on(run, at("gender", lambda: lifecycle.cancel(run))) == JobState.CANCELLED
    assert run.version is None
    assert epochs(run)["age"] == 3
    assert ModelVersion.objects.count() == 1

    assert lifecycle.resume(run)
    told: list[str] = []
    assert go_on(run, lambda phase, _done, _total: told.append(phase)) == JobState.DONE
    assert epochs(run) == {"age": 3, "gender": 3}
    undisturbed = create(dataset, TWO_HEADS)
    go_on(undisturbed)
    assert undisturbed.history == run.history


def test_ctrl_c_leaves_a_run_that_can_go_on(dataset: Dataset, backbone: ModelVersion) -> None:
    run = create(dataset, TWO_HEADS)
    with pytest.raises(KeyboardInterrupt):
        go_on(run, at("gender", interrupt))
    assert run.state == JobState.INTERRUPTED
    assert go_on(run) == JobState.DONE
    assert epochs(run) == {"age": 3, "gender": 3}


class Killed(BaseException):
    """Stands for `kill -9`: nothing of the program's own runs any more."""


@pytest.mark.parametrize(
    "step",
    [
        "training.runs.publishing.save_bundle",
        "training.runs.publishing.register_bundle",
        "training.runs.trainings.activate_version",
        "training.runs.trainings.shutil.rmtree",
        "training.jobs.lifecycle._finish",
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_any_step_it_ends_with_one_whole_version(
    dataset: Dataset, backbone: ModelVersion, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    run = create(dataset, activate=True, even_if_worse=True)
    real = resolve_name(step)

    def die(*arguments: Any, **options: Any) -> None:
        if when == "after":
            real(*arguments, **options)
        raise Killed

    monkeypatch.setattr(step, die)
    with pytest.raises(Killed):
        go_on(run)
    monkeypatch.setattr(step, real)
    for version in ModelVersion.objects.all():
        load_bundle(bundle_path(version))
    if run.state == JobState.RUNNING:
        lose_workers()
        lifecycle.sweep()
        assert go_on(run) == JobState.DONE
    assert run.state == JobState.DONE
    assert set(ModelVersion.objects.values_list("name", flat=True)) == {"small", f"full-{run.pk}"}
    assert active_version() == run.version
    assert epochs(run) == {"gender": 3}


def test_a_run_taken_from_its_worker_makes_no_second_version(
    dataset: Dataset, backbone: ModelVersion
) -> None:
    run = create(dataset)

    def lose() -> None:
        lose_workers()
        lifecycle.sweep()

    assert go_on(run, at("test", lose)) == JobState.INTERRUPTED
    assert ModelVersion.objects.count() == 1
    assert go_on(run) == JobState.DONE
    assert ModelVersion.objects.count() == 2


def test_what_runs_that_are_gone_left_behind_is_deleted(
    dataset: Dataset, backbone: ModelVersion, settings: Any
) -> None:
    cancelled = create(dataset)
    lifecycle.cancel(cancelled)
    for name in (str(cancelled.pk), "123456"):
        (settings.TRAINING_ROOT / name).mkdir(parents=True)
    go_on(create(dataset))
    assert [folder.name for folder in settings.TRAINING_ROOT.iterdir()] == [str(cancelled.pk)]


# What goes wrong


def fails_with(run: TrainingRun, words: str) -> None:
    assert go_on(run) == JobState.FAILED
    assert words in run.sentence
    assert run.version is None
    assert ModelVersion.objects.count() == 1


def test_a_loss_that_is_no_number_is_said(
    dataset: Dataset, backbone: ModelVersion, settings: Any, tmp_path: Path
) -> None:
    settings.FEATURE_ROOT = tmp_path / "damaged"
    bundle, found = load_bundle(bundle_path(backbone)), curated(dataset, "full")
    reading = measured_reading(found.train, bundle.manifest["input_size"])
    as_read = Bundle({**bundle.manifest, "reading": reading.as_json()}, bundle.tensors)
    with open_features(as_read, "pool5", cache=settings.FEATURE_ROOT, cache_bytes=10**9) as store:
        store.fill([(one, PLAIN) for one in found.train], lambda _done, _total: None)
    [rows] = settings.FEATURE_ROOT.rglob("rows")
    with rows.open("r+b") as file:
        file.write(np.full(512, np.nan, np.float16).tobytes())
    fails_with(create(dataset), "The loss of the gender head is no longer a number.")


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_image_that_is_gone_is_said(
    dataset: Dataset, backbone: ModelVersion, settings: Any, tmp_path: Path, split: str
) -> None:
    settings.FEATURE_ROOT = tmp_path / "features"
    shutil.copytree(settings.DATASET_ROOT, tmp_path / "datasets")
    settings.DATASET_ROOT = tmp_path / "datasets"
    example_files.path_of(getattr(curated(dataset, "full"), split)[0].digest).unlink()
    fails_with(create(dataset), "cannot be read any more. Please import the dataset again.")


def test_a_damaged_backbone_is_said(dataset: Dataset, backbone: ModelVersion) -> None:
    weights = bundle_path(backbone) / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    fails_with(create(dataset), "The weights of the model “small” are not those that were saved.")


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(
    dataset: Dataset, backbone: ModelVersion, settings: Any
) -> None:
    run = create(dataset)
    folder = settings.TRAINING_ROOT / str(run.pk)
    folder.mkdir(parents=True)
    (folder / "gender.unfinished").symlink_to("/dev/full")
    fails_with(run, DISK_FULL)
    assert go_on(run) == JobState.DONE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("This user may not mount a file system.")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("phase", ["features", "gender", "test"])
def test_a_disk_that_fills_up_meanwhile_stops_the_run_in_words(
    dataset: Dataset, small_disk: Path, settings: Any, tmp_path: Path, phase: str
) -> None:
    for name in ("MODEL", "FEATURE", "TRAINING"):
        setattr(settings, f"{name}_ROOT", small_disk / name)
    small_version(tmp_path / "small")
    filler = small_disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("ab", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    run = create(dataset)
    assert go_on(run, at(phase, fill)) == JobState.FAILED
    assert run.sentence == DISK_FULL
    assert ModelVersion.objects.count() == 1
    filler.unlink()
    assert go_on(run) == JobState.DONE
    assert epochs(run) == {"gender": 3}


def test_a_dataset_that_changed_meanwhile_is_said(dataset: Dataset, backbone: ModelVersion) -> None:
    run = create(dataset)
    go_on(run, at("gender", lambda: lifecycle.cancel(run)))
    dataset.samples.filter(pk=dataset.samples.earliest("pk").pk).update(age=99)
    fails_with(run, "Please start a new one.")
