"""Jobs of every kind: one table, one lock at a time, one way in."""

import threading
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.factories import DatasetFactory
from tests.training.training_runs import lose_workers
from training.jobs import lifecycle
from training.jobs.lifecycle import JobRefused
from training.models import Dataset, ImportRun, Job, JobKind, JobState, ReviewRun, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    made: Dataset = DatasetFactory.create()
    return made


def nothing(*_: Any) -> None:
    pass


def test_one_job_at_a_time_holds_a_lock(dataset: Dataset) -> None:
    first = lifecycle.create(ImportRun, dataset=dataset)
    with pytest.raises(JobRefused):
        lifecycle.create(ImportRun, dataset=dataset)
    lifecycle.create(ImportRun, dataset=DatasetFactory.create())
    lifecycle.create(ReviewRun, dataset=dataset)
    lifecycle.cancel(first)
    again = lifecycle.create(ImportRun, dataset=dataset)
    assert ImportRun.objects.filter(dataset=dataset, state=JobState.QUEUED).get() == again
    with pytest.raises(JobRefused):
        lifecycle.resume(first)


def test_two_trainings_wait_for_each_other_whatever_they_are_about(dataset: Dataset) -> None:
    lifecycle.create(TrainingRun, dataset=dataset)
    with pytest.raises(JobRefused):
        lifecycle.create(TrainingRun, dataset=DatasetFactory.create())


def test_kinds_do_not_see_each_other(dataset: Dataset) -> None:
    lifecycle.create(ImportRun, dataset=dataset)
    job = Job.objects.get()
    assert (job.kind, job.lock) == (JobKind.IMPORT, f"import {dataset.pk}")
    assert ImportRun.objects.get().pk == job.pk
    assert not TrainingRun.objects.exists()
    assert lifecycle.take(TrainingRun, job.pk) is None


def test_a_command_waits_for_its_turn(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other's process was killed: once it has been silent for long enough it is over."""
    other = lifecycle.create(ImportRun, dataset=dataset)
    assert lifecycle.take(ImportRun, other.pk)
    waits: list[float] = []

    def age(seconds: float) -> None:
        waits.append(seconds)
        lose_workers()

    monkeypatch.setattr("training.jobs.lifecycle.time.sleep", age)
    told: list[str] = []
    mine = lifecycle.create_in_turn(
        ImportRun, lambda phase, *_: told.append(phase), dataset=dataset
    )
    other.refresh_from_db()
    assert (mine.state, other.state) == (JobState.QUEUED, JobState.INTERRUPTED)
    assert len(waits) == 1
    assert told == ["waiting for another job to end"]


def test_a_command_does_not_wait_for_what_nobody_begins(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.create(ImportRun, dataset=dataset)
    elsewhere = lifecycle.create(ImportRun, dataset=DatasetFactory.create())
    assert lifecycle.take(ImportRun, elsewhere.pk)
    waits: list[float] = []
    monkeypatch.setattr("training.jobs.lifecycle.time.sleep", waits.append)
    with pytest.raises(CommandError, match="start the site"):
        call_command("import_dataset", "tests", name=dataset.name)
    assert sum(waits) == lifecycle.LEASE.total_seconds()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_at_once_one_is_refused(dataset: Dataset) -> None:
    outcomes: list[str] = []
    ready = threading.Barrier(2)

    def come() -> None:
        ready.wait()
        try:
            lifecycle.create(ImportRun, dataset=dataset)
            outcomes.append("made")
        except JobRefused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=come) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]


def test_every_kind_has_a_task_and_only_trainings_wait_behind_trainings() -> None:
    current_app.loader.import_default_modules()
    assert set(lifecycle.TASKS) == set(JobKind)
    assert set(lifecycle.TASKS.values()) <= set(current_app.tasks)
    route = current_app.amqp.router.route
    queues = {kind: route({}, task)["queue"].name for kind, task in lifecycle.TASKS.items()}
    assert queues.pop(JobKind.TRAINING) == "training"
    assert set(queues.values()) == {"data"}
    assert settings.CELERY_TASK_DEFAULT_QUEUE not in queues.values()


@pytest.mark.django_db(transaction=True)
def test_runs_of_before_become_jobs_and_trainings_keep_their_ids() -> None:
    before = [("training", "0015_message_codes")]
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate(before)
    old = executor.loader.project_state(before).apps
    model = {name: old.get_model("training", name) for name in ("Dataset", "ModelVersion")}
    dataset = model["Dataset"].objects.create(name="old")
    version = model["ModelVersion"].objects.create(name="v", bundle="v", manifest={})
    trainings = old.get_model("training", "TrainingRun").objects
    trainings.create(dataset=dataset, recipe={"name": "classic"}).delete()
    kept = trainings.create(
        dataset=dataset, recipe={"name": "full"}, backbone=version, state="interrupted", log="line"
    )
    imports = old.get_model("training", "ImportRun").objects
    for state in ("done", "running", "running"):
        imports.create(dataset=dataset, path="/x", state=state)
    exams = old.get_model("training", "ExamRun").objects
    for state in ("done", "interrupted"):
        exams.create(state=state)
    exams.create(state="queued", resumed=1)
    MigrationExecutor(connection).migrate(latest)

    run = TrainingRun.objects.get()
    assert (run.pk, run.recipe, run.log) == (kept.pk, {"name": "full"}, "line")
    assert (run.backbone_id, run.created_at) == (version.pk, kept.created_at)
    assert lifecycle.resume(run)
    states = sorted(ImportRun.objects.values_list("state", flat=True))
    assert states == ["done", "interrupted", "running"]
    *former, exam = Job.objects.filter(kind=JobKind.EXAMINATION).order_by("pk")
    assert [one.state for one in former] == ["done", "interrupted"]
    assert (exam.state, exam.resumed, exam.lock) == ("queued", 1, "examination")
    Dataset.objects.get().delete()
    assert set(Job.objects.all()) == {*former, exam}
