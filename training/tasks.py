"""The long work that Celery starts. Messages carry ids; everything else is in the database.

The names are written out: messages that wait while the site is upgraded know them.
"""

import logging
from contextlib import suppress
from functools import cache
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown

from training.datasets import corrections, import_runs, label_issues, stored_contents
from training.datasets.this_machine import Tending
from training.exams import exam_runs
from training.jobs import lifecycle
from training.models import ExamRun, ExportRun, JobKind
from training.runs import export_runs, trainings
from training.shared_files import StorageSilent

logger = logging.getLogger(__name__)


@shared_task(name=lifecycle.TASKS[JobKind.IMPORT])
def import_dataset(pk: int) -> None:
    """Import a dataset as an administrator asked for."""
    import_runs.work(pk)


@shared_task(name=lifecycle.TASKS[JobKind.LABEL_ISSUES])
def find_label_issues(pk: int) -> None:
    """Look for label issues as an administrator asked for."""
    label_issues.work(pk)


@shared_task(name=lifecycle.TASKS[JobKind.EXAMINATION])
def examine(pk: int) -> None:
    """Score versions on the exam, after an upgrade or as an administrator asked for."""
    exam_runs.work(pk)


@shared_task(name=lifecycle.TASKS[JobKind.TRAINING])
def train(pk: int) -> None:
    """Train by a recipe as an administrator asked for."""
    trainings.work(pk)


@shared_task(name=lifecycle.TASKS[JobKind.EXPORT])
def export(pk: int) -> None:
    """Export versions after an upgrade."""
    export_runs.work(pk)


@shared_task(name="training.tasks.sweep")
def sweep() -> None:
    """Show the jobs of lost workers as interrupted, and wake workers for those that wait.

    What an upgrade asked for goes on by itself. What withdrawn corrections left while a job was
    going is deleted too.
    """
    with suppress(StorageSilent):  # then the next time
        corrections.forget_withdrawn()
    if interrupted := lifecycle.sweep():
        logger.warning("%d jobs have lost their worker.", interrupted)
    for kind in (ExamRun, ExportRun):
        if lifecycle.resume_lost(kind):
            logger.warning("The %s that lost its worker goes on.", kind._meta.verbose_name)


@shared_task(name="training.tasks.sweep_storage")
def sweep_storage() -> None:
    """Delete stored images that no dataset shows any more."""
    if count := stored_contents.forget_orphans():
        logger.info("Deleted %d stored images that nothing shows.", count)


@worker_process_init.connect
def begin(**_: Any) -> None:
    """In a new worker process, whatever it is there for."""
    _tending().start()


@worker_process_shutdown.connect
def end(**_: Any) -> None:
    _tending().stop()


@cache
def _tending() -> Tending:
    return Tending()
