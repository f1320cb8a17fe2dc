"""Training runs: when one may start, and the whole way from a recipe to a model version."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from training.datasets import curations
from training.exams import gate
from training.exams.exam_store import current_exam
from training.exams.examinations import examine_waiting
from training.jobs import lifecycle
from training.jobs.lifecycle import JobRefused
from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.registry.versions import activate_version, active_version
from vision.data.selection import NothingLeft
from vision.diskspace import DiskFull
from vision.messages import Message, several
from vision.training.recipe import Recipe

from .publishing import make_version
from .room import check_room
from .training_log import Say, TrainingLog, logger


class TrainingRefused(JobRefused):
    """The training may not start: another is going, or it lacks images, room or a backbone."""

    code = "training_refused"


def request_training(
    dataset: Dataset,
    recipe: Recipe,
    *,
    backbone: ModelVersion | None,
    activate: bool,
    user: Any,
    even_if_worse: bool = False,
) -> TrainingRun:
    """Queue a training of heads on a version's backbone, or of a backbone from a version's weights.

    Without a version it is the active one, or random weights where the recipe can do with them.
    With `activate` the new version serves where `training.exams.gate` has nothing against it, and
    with `even_if_worse` whatever that has.

    Raises TrainingRefused.
    """
    run = create_training(
        dataset,
        recipe,
        backbone=backbone,
        activate=activate,
        even_if_worse=even_if_worse,
        user=user,
    )
    lifecycle.enqueue(run)
    return run


def create_training(
    dataset: Dataset,
    recipe: Recipe,
    *,
    backbone: ModelVersion | None,
    activate: bool,
    user: Any,
    even_if_worse: bool = False,
) -> TrainingRun:
    """The waiting run of a training, which no worker is told of. Raises TrainingRefused."""
    if recipe.needs_backbone:
        backbone = backbone or active_version()
        if backbone is None:
            raise TrainingRefused("backbone")
    _check_means(dataset, recipe, backbone)
    try:
        return lifecycle.create(
            TrainingRun,
            dataset=dataset,
            recipe=recipe.as_json(),
            backbone=backbone,
            activate=activate,
            even_if_worse=even_if_worse,
            requested_by=user,
        )
    except JobRefused as refused:
        raise TrainingRefused("busy") from refused


def _check_means(dataset: Dataset, recipe: Recipe, backbone: ModelVersion | None) -> None:
    try:
        curated = curations.curated(dataset, recipe.policy)
        check_room(recipe, backbone.manifest["input_size"] if backbone else 0, curated)
    except (NothingLeft, DiskFull) as error:
        raise TrainingRefused(error.message) from error


def work(pk: int) -> None:
    """Do a training that waits, if it still does."""
    if run := lifecycle.take(TrainingRun, pk):
        execute(run)


def take(pk: int) -> TrainingRun:
    """Hold a run that waits or was cut off, for this process to go on with.

    Raises JobRefused.
    """
    lifecycle.interrupt_lost()
    run = lifecycle.take(TrainingRun, pk, (JobState.QUEUED, *lifecycle.RESUMABLE))
    if run is None:
        raise TrainingRefused("not_resumable", pk=pk)
    return run


def execute(
    run: TrainingRun,
    on_progress: Callable[[str, int, int], None] | None = None,
    say: Say = logger.info,
) -> JobState:
    """Do the training of a held run and record how it ended; `say` hears the lines of its log."""
    return lifecycle.execute(
        run, lambda reporter: _train(run, TrainingLog(run, reporter, say)), on_progress
    )


def _train(run: TrainingRun, log: TrainingLog) -> Message:
    """Whatever a run that was cut off has done already is not done again."""
    _forget_leftovers()
    folder = _root() / str(run.pk)
    version = run.version or make_version(run, folder, log)
    if exam := current_exam():  # the versions that it is to be compared with
        examine_waiting(exam, log.progress)
    sentences = [Message("model_made", {"name": version.name})]
    if run.activate and version.activated_at is None:
        sentences += activated(version, even_if_worse=run.even_if_worse)
    shutil.rmtree(folder, ignore_errors=True)
    return several(sentences)


def activated(version: ModelVersion, *, even_if_worse: bool) -> list[Message]:
    """Let a version serve, as was asked for before its figures were known, unless something speaks
    against it and nobody said to do it even so."""
    against = gate.objections(version, active_version())
    if against and not even_if_worse:
        return [Message("model_waits"), *against]
    activate_version(version)
    objections = [Message("model_objections"), *against] if against else []
    return [Message("model_serves"), *objections]


def _root() -> Path:
    root: Path = settings.TRAINING_ROOT
    return root


def _forget_leftovers() -> None:
    """Delete the checkpoints of runs that are done or deleted."""
    unfinished = TrainingRun.objects.exclude(state=JobState.DONE)
    kept = {str(pk) for pk in unfinished.values_list("pk", flat=True)}
    for folder in _root().glob("*"):
        if folder.name.isdecimal() and folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
