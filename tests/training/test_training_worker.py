"""A real training worker on a real queue: killed in the middle of a run, gone on, done once."""

from pathlib import Path

import pytest
from django.conf import settings

from tests.processes import Process, Stack, children, maps_tensorflow, wait_until
from tests.training.trainable import quick, small_dataset, small_version
from tests.training.training_runs import lose_workers
from tests.training.utkface import random_files, write_zip
from training.datasets.import_runs import request_import
from training.jobs import lifecycle
from training.models import Job, JobState, ModelVersion, TrainingRun
from training.registry.stored_bundles import bundle_path
from training.runs.training_log import lines_in_words
from training.runs.trainings import request_training
from vision.bundles.bundle import load_bundle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

EPOCHS = 60
# Many short epochs, so that there is a middle to be killed in.
LONG = quick(epochs=EPOCHS, patience=EPOCHS, batch=4, learning_rate=1e-4)


def start_trainer(stack: Stack) -> Process:
    return stack.start_worker("-n", "training@%h", "--max-tasks-per-child", "1", queues="training")


def epochs(run: TrainingRun) -> int:
    run.refresh_from_db()
    return len(run.history.get("gender", []))


def has_ended(run: Job) -> bool:
    run.refresh_from_db()
    return not run.is_open


def test_a_run_whose_worker_is_killed_goes_on_and_makes_one_version(
    redis: Stack, tmp_path: Path
) -> None:
    small_version(tmp_path / "small")
    even_so = {"activate": True, "even_if_worse": True}
    run = request_training(small_dataset(), LONG, backbone=None, user=None, **even_so)
    first = start_trainer(redis)
    wait_until(lambda: epochs(run) >= 5, "it is in the middle", first, seconds=120)
    first.kill()
    assert epochs(run) < EPOCHS
    before = run.history["gender"]
    assert run.state == JobState.RUNNING

    lose_workers()
    lifecycle.sweep()
    run.refresh_from_db()
    assert run.state == JobState.INTERRUPTED
    assert [version.name for version in ModelVersion.objects.all()] == ["small"]

    second = start_trainer(redis)
    assert lifecycle.resume(run)
    wait_until(lambda: has_ended(run), "the run has ended", second, seconds=120)
    assert run.state == JobState.DONE
    assert run.sentence.startswith(f"The model “full-{run.pk}” is ready. It is now active.")
    assert epochs(run) == EPOCHS
    assert run.history["gender"][: len(before)] == before
    # An epoch that ended just before the kill is told by the second worker, without its time.
    told = [line for line in lines_in_words(run.log) if " Gender, epoch " in line]
    assert len(told) == EPOCHS
    for epoch, line in enumerate(told, start=1):
        assert f" Gender, epoch {epoch} of {EPOCHS}" in line
    version = ModelVersion.objects.get(is_active=True)
    assert version == run.version
    load_bundle(bundle_path(version))
    # The process that trained has ended, and with it what TensorFlow had taken.
    wait_until(
        lambda: not any(map(maps_tensorflow, children(second.pid))), "it let go of TensorFlow"
    )


def test_a_run_is_cancelled_between_two_batches(redis: Stack, tmp_path: Path) -> None:
    small_version(tmp_path / "small")
    run = request_training(small_dataset(), LONG, backbone=None, activate=True, user=None)
    worker = start_trainer(redis)
    wait_until(lambda: epochs(run) >= 2, "it is in the middle", worker, seconds=120)
    lifecycle.cancel(run)
    wait_until(lambda: has_ended(run), "it has stopped", worker, seconds=10)
    assert run.state == JobState.CANCELLED
    assert ModelVersion.objects.count() == 1


def test_an_import_does_not_wait_behind_a_training(redis: Stack, tmp_path: Path) -> None:
    small_version(tmp_path / "small")
    run = request_training(small_dataset(), LONG, backbone=None, activate=False, user=None)
    trainer = start_trainer(redis)
    data = redis.start_worker("-n", "data@%h", queues="data")
    wait_until(lambda: epochs(run) >= 2, "the training is in the middle", trainer, seconds=120)
    settings.IMPORT_ROOT.mkdir(parents=True, exist_ok=True)
    photos = write_zip(settings.IMPORT_ROOT / "new.zip", random_files(3))
    new = request_import("New", photos, detect_faces=False, user=None)
    wait_until(lambda: has_ended(new), "the import has ended", data, seconds=60)
    assert (new.state, new.own_dataset.samples.count()) == (JobState.DONE, 3)
    assert not has_ended(run)
    lifecycle.cancel(run)
    wait_until(lambda: has_ended(run), "it has stopped", trainer, seconds=10)
