"""A training where neither the dataset nor the backbone was; its version is everywhere."""

from pathlib import Path
from typing import Any

import pytest

from tests.s3 import Bucket
from tests.training.trainable import quick, small_dataset, small_version
from tests.training.training_runs import lose_workers
from training.datasets import contents, example_files, stored_contents
from training.jobs import lifecycle
from training.models import JobState, TrainingRun
from training.registry.stored_bundles import load_version
from training.runs.trainings import create_training, execute, take

pytestmark = pytest.mark.django_db(transaction=True)


def go_to(machine: str, settings: Any, tmp_path: Path) -> None:
    for name in ("MODEL_ROOT", "DATASET_ROOT", "FEATURE_ROOT", "TRAINING_ROOT"):
        setattr(settings, name, tmp_path / machine / name)
    (tmp_path / machine).mkdir(exist_ok=True)


def executed(run: TrainingRun) -> TrainingRun:
    execute(take(run.pk))
    run.refresh_from_db()
    return run


def test_it_fetches_what_it_needs_and_stores_what_it_makes(
    bucket: Bucket, settings: Any, tmp_path: Path
) -> None:
    go_to("importing", settings, tmp_path)
    small_version(tmp_path / "small")
    dataset = small_dataset()
    contents.keep(dataset.samples.all())
    run = create_training(dataset, quick(), backbone=None, activate=False, user=None)

    go_to("training", settings, tmp_path)
    assert executed(run).state == JobState.FAILED
    assert "images are not in the storage yet" in run.sentence

    go_to("importing", settings, tmp_path)
    stored_contents.store_waiting()
    lost = dataset.samples.latest("pk").digest
    data = bucket.read(f"datasets/{lost}")
    bucket.delete(f"datasets/{lost}")

    go_to("training", settings, tmp_path)
    assert executed(run).state == JobState.FAILED
    assert "1 image is missing from the storage" in run.sentence

    bucket.write(f"datasets/{lost}", data)
    assert executed(run).state == JobState.DONE, run.sentence
    assert example_files.path_of(lost).is_file()

    go_to("serving", settings, tmp_path)
    assert run.version is not None
    assert load_version(run.version).manifest["name"] == run.version.name


class Killed(BaseException):
    """Stands for a machine that is gone."""


def test_one_that_was_cut_off_goes_on_where_its_features_and_checkpoints_are_not(
    bucket: Bucket, settings: Any, tmp_path: Path
) -> None:
    go_to("first", settings, tmp_path)
    small_version(tmp_path / "small")
    dataset = small_dataset()
    contents.keep(dataset.samples.all())
    stored_contents.store_waiting()
    run = create_training(dataset, quick(), backbone=None, activate=False, user=None)

    def die_in_the_second_epoch(phase: str, done: int, total: int) -> None:
        if phase == "gender" and done > total // 3:
            raise Killed

    with pytest.raises(Killed):
        execute(take(run.pk), die_in_the_second_epoch)
    run.refresh_from_db()
    assert len(run.history["gender"]) == 1
    assert list(settings.FEATURE_ROOT.glob("*/rows"))
    assert list((settings.TRAINING_ROOT / str(run.pk)).iterdir())
    lose_workers()
    lifecycle.sweep()

    go_to("second", settings, tmp_path)
    steps: list[tuple[str, int]] = []
    execute(take(run.pk), lambda phase, done, _total: steps.append((phase, done)))
    run.refresh_from_db()
    assert run.state == JobState.DONE, run.sentence
    assert ("features", 0) in steps
    assert len(run.history["gender"]) == 3
    assert run.version is not None
    assert load_version(run.version).manifest["name"] == run.version.name
    assert {name.partition("/")[0] for name in bucket.names()} == {"models", "datasets"}
