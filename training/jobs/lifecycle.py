"""How jobs are queued, held, watched, cancelled and found again when their worker is lost.

Every change of hands is a conditional UPDATE, as for predictions: whoever changes a job names the
state, or the holder, that it must be in.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from training.messages import TrainingError
from training.models import Job, JobKind, JobState
from training.models.jobs import BY_DATASET
from training.models.leases import UNCLAIMED, claimed_by, expired, renewed
from vision.errors import VisionError
from vision.messages import Message, stored

from .pulse import pulse

logger = logging.getLogger(__name__)

# How long a worker holds a job without a sign of life.
LEASE: timedelta = settings.LEASE
_PROGRESS_SECONDS = 1.0
_MOST_RESUMED = 2

# The Celery tasks that do them; `CELERY_TASK_ROUTES` says in which queue.
TASKS = {
    JobKind.IMPORT: "training.tasks.import_dataset",
    JobKind.LABEL_ISSUES: "training.tasks.find_label_issues",
    JobKind.EXAMINATION: "training.tasks.examine",
    JobKind.TRAINING: "training.tasks.train",
    JobKind.EXPORT: "training.tasks.export",
}
# How a job may have ended that can go on.
RESUMABLE = (JobState.INTERRUPTED, JobState.FAILED, JobState.CANCELLED)

# What a job that goes on forgets of its former end.
_AS_IF_NEW: dict[str, Any] = {
    "message": "",
    "message_code": "",
    "message_parameters": {},
    "cancel_requested": False,
    "finished_at": None,
}

AnyJob = TypeVar("AnyJob", bound=Job)
Work = Callable[["Reporter"], Message]
OnProgress = Callable[[str, int, int], None]


class JobCancelled(Exception):
    """Somebody asked for the job to stop."""


class JobLost(Exception):
    """The job is no longer ours: it was taken for lost, or deleted."""


class JobRefused(TrainingError):
    """The job may not start or go on now."""

    code = "run_refused"


class Reporter:
    """What the work tells of its progress, written about once a second however often it tells,
    and when a phase begins or is through."""

    def __init__(self, job: Job, on_progress: Callable[[str, int, int], None] | None = None):
        self._job = job
        self._on_progress = on_progress
        self._written_at = 0.0
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Raises JobCancelled when somebody asked for it, JobLost when the job is not ours."""
        if self._on_progress:
            self._on_progress(phase, done, total)
        now = time.monotonic()
        recent = phase == self._phase and now - self._written_at < _PROGRESS_SECONDS
        if recent and done < total:
            return
        fields: dict[str, Any] = {"phase": phase, "done": done, "total": total}
        if phase != self._phase:
            fields |= {"phase_started_at": timezone.now(), "done_before": done}
        self._phase, self._written_at = phase, now
        self.write(**fields)

    def write(self, **fields: Any) -> None:
        """Write fields of the job at once. Raises as reporting does."""
        held = _held(self._job)
        if not held.update(**fields):
            raise JobLost
        if held.filter(cancel_requested=True).exists():
            raise JobCancelled


def create(kind: type[AnyJob], **wanted: Any) -> AnyJob:
    """A job that waits, which no worker is told of. Raises JobRefused where another that names the
    same lock waits or runs; the database decides between two who come at once."""
    interrupt_lost()
    try:
        with transaction.atomic():
            return cast(AnyJob, kind._default_manager.create(**wanted))
    except IntegrityError as error:
        raise JobRefused() from error


def create_where_due(kind: type[AnyJob], *, is_due: bool) -> bool:
    """Queue a job that has something to do, unless one is under way; gives `is_due` back.

    Upkeep tells a worker of it: after an upgrade this is called before there is any.
    """
    if is_due:
        with suppress(JobRefused):
            create(kind)
    return is_due


def create_in_turn(kind: type[AnyJob], on_progress: OnProgress, **wanted: Any) -> AnyJob:
    """`create`, for a command: waits where another has to end first, be it lost, which shows when
    it has been silent for a while.

    Raises JobRefused where the other has not begun after as long: there may be nobody to begin it.
    """
    about = {"dataset": wanted["dataset"]} if "dataset" in wanted else {}
    running = kind._default_manager.filter(state=JobState.RUNNING, **about)
    idle = 0
    while True:
        try:
            return create(kind, **wanted)
        except JobRefused:
            idle = 0 if running.exists() else idle + 1
            if idle > LEASE.total_seconds():
                raise JobRefused("not_begun") from None
            on_progress("waiting for another job to end", 0, 0)
            time.sleep(1)


def enqueue(job: Job) -> None:
    """Ask a worker to take a job, once its row is committed."""
    transaction.on_commit(lambda: _send(job))


def _send(job: Job) -> None:
    try:
        current_app.send_task(TASKS[JobKind(job.kind)], [job.pk], retry=False)
    except (KombuError, RedisError, OSError) as error:
        logger.warning("Redis does not answer, the job waits for upkeep to send it: %s", error)


def take(
    kind: type[AnyJob], pk: int, states: Sequence[JobState] = (JobState.QUEUED,)
) -> AnyJob | None:
    """Hold a job that is in one of `states`; None where it is in none of them any more.

    Raises JobRefused where another job has to end first.
    """
    rows = kind._default_manager.filter(pk=pk, state__in=states)
    taken = _change_state(
        rows,
        state=JobState.RUNNING,
        started_at=timezone.now(),
        **claimed_by(uuid.uuid4(), LEASE),
        **_AS_IF_NEW,
    )
    return cast(AnyJob, kind._default_manager.get(pk=pk)) if taken else None


def run_now(job: AnyJob, work: Work, on_progress: OnProgress | None = None) -> AnyJob:
    """Do a job that waits in this process, for a command; the job as it ended.

    Raises JobRefused where a worker took it before.
    """
    held = take(type(job), job.pk)
    if held is None:
        raise JobRefused()
    execute(held, work, on_progress)
    return held


def execute(job: Job, work: Work, on_progress: OnProgress | None = None) -> JobState:
    """Do the work of a held job and record how it ended; `work` gives what to say then.

    Errors made for people end the job with their message, others with a general one and a
    traceback in the log; a database that is away raises, and upkeep finds the job.
    """
    reporter = Reporter(job, on_progress)
    state = JobState.DONE
    try:
        with pulse(partial(_beat, job), LEASE.total_seconds() / 6):
            message = work(reporter)
    except JobLost:
        logger.warning("Job %s was taken from this worker; its work is dropped.", job)
        return JobState.INTERRUPTED
    except JobCancelled:
        state, message = JobState.CANCELLED, Message("cancelled")
    except VisionError as error:
        state, message = JobState.FAILED, error.message
    except DatabaseError:
        raise
    except KeyboardInterrupt:
        _finish(job, JobState.INTERRUPTED, Message("interrupted"))
        raise
    except Exception:
        logger.exception("Job %s failed.", job)
        state, message = JobState.FAILED, Message("unforeseen")
    _finish(job, state, message)
    return state


def _beat(job: Job) -> None:
    _held(job).update(**renewed(LEASE))


def _held(job: Job) -> QuerySet[Job]:
    rows: QuerySet[Job] = Job.objects.filter(pk=job.pk, claim=job.claim, state=JobState.RUNNING)
    return rows


def _finish(job: Job, state: JobState, message: Message) -> None:
    _held(job).update(state=state, finished_at=timezone.now(), **UNCLAIMED, **_columns_of(message))
    job.refresh_from_db()


def _columns_of(message: Message) -> dict[str, Any]:
    return {"message_code": message.code, "message_parameters": stored(message.parameters)}


def cancel(job: Job) -> None:
    """Stop a job: at once where it waits, at its next step where it runs."""
    rows = Job.objects.filter(pk=job.pk)
    now = timezone.now()
    if not rows.filter(state=JobState.QUEUED).update(state=JobState.CANCELLED, finished_at=now):
        rows.filter(state=JobState.RUNNING).update(cancel_requested=True)


def resume(job: Job) -> bool:
    """Let an interrupted, failed or cancelled job go on where it stood; False in other states.

    Raises JobRefused where another job has to end first.
    """
    rows = Job.objects.filter(pk=job.pk, state__in=RESUMABLE)
    rows = rows.exclude(kind__in=BY_DATASET, dataset=None)
    if not _change_state(rows, state=JobState.QUEUED, **_AS_IF_NEW):
        return False
    enqueue(job)
    return True


def resume_lost(kind: type[Job]) -> bool:
    """Let the last job of a kind go on where its worker was lost; whether it does.

    For what an upgrade queues, of which nobody may know: it does not wait for a click. What has
    lost one worker too many would lose the next: that waits for somebody to look.
    """
    job = kind._default_manager.order_by("-created_at", "-pk").first()
    if job is None or job.state != JobState.INTERRUPTED or job.resumed >= _MOST_RESUMED:
        return False
    Job.objects.filter(pk=job.pk).update(resumed=F("resumed") + 1)
    return resume(job)


def _change_state(rows: QuerySet[Any], **fields: Any) -> int:
    """Raises JobRefused where a constraint on open runs stands against it."""
    try:
        with transaction.atomic():
            return rows.update(**fields)
    except IntegrityError as error:
        raise JobRefused() from error


def sweep() -> int:
    """Show the jobs of lost workers as interrupted, and ask again for those that wait.

    Returns how many were interrupted.
    """
    interrupted = interrupt_lost()
    waiting = Job.objects.filter(state=JobState.QUEUED, created_at__lt=timezone.now() - LEASE)
    for kind in TASKS:
        for job in waiting.filter(kind=kind)[:10]:
            _send(job)
    return interrupted


def interrupt_lost() -> int:
    """Show the jobs of lost workers as interrupted; how many there were."""
    lost = expired(Job.objects.filter(state=JobState.RUNNING))
    return lost.update(
        state=JobState.INTERRUPTED,
        finished_at=timezone.now(),
        **UNCLAIMED,
        **_columns_of(Message("interrupted.worker_lost")),
    )
