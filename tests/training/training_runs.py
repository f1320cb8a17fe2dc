"""Training runs in any state, with a history as a training writes it."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.factories import DatasetFactory
from training.jobs import lifecycle
from training.models import Job, JobState, TrainingRun
from vision.training.head_recipes import FULL


def age_epochs(count: int) -> list[dict[str, dict[str, float]]]:
    """Epochs of the age head, each better than the one before."""
    return [
        {"age": {"loss": 3.0 / n, "validation_loss": 4.0 / n, "validation_mae": 5.0 + 3.0 / n}}
        for n in range(1, count + 1)
    ]


def gender_epochs(count: int) -> list[dict[str, dict[str, float]]]:
    return [
        {"gender": {"loss": 0.5, "validation_loss": 0.6, "validation_accuracy": 0.7 + n / 100}}
        for n in range(1, count + 1)
    ]


def training_run(state: JobState = JobState.RUNNING, **fields: Any) -> TrainingRun:
    """A run of the full recipe that has been at the age head for a while."""
    now = timezone.now()
    wanted: Any = {
        "state": state,
        "recipe": FULL.as_json(),
        "phase": "age",
        "done": 25,
        "total": 100,
        "started_at": now,
        "phase_started_at": now,
        "lease_expires_at": now + lifecycle.LEASE,
        "history": {"age": age_epochs(3)},
        "log": "the first line\nthe last line",
        **fields,
    }
    if "dataset" not in wanted:
        wanted["dataset"] = DatasetFactory.create()
    made: TrainingRun = TrainingRun.objects.create(**wanted)
    return made


def lose_workers() -> None:
    """Whoever held a job was killed a while ago."""
    Job.objects.filter(state=JobState.RUNNING).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )
