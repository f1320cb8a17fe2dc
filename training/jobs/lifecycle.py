"""How long work is held, watched, cancelled and found again when its worker is lost.

Every change of hands is a conditional UPDATE, as for predictions: whoever changes a run names the
state, or the holder, that it must be in.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from celery import current_app
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from training.messages import TrainingError
from training.models import ExamRun, ImportRun, ReviewRun, Run, RunState, TrainingRun
from vision.errors import VisionError
from vision.messages import Message, stored

from .pulse import pulse

logger = logging.getLogger(__name__)

# A run whose heart has not beaten for this long has lost its worker.
SILENCE = timedelta(seconds=60)
_PROGRESS_SECONDS = 1.0

KINDS: tuple[type[Run], ...] = (ImportRun, ReviewRun, ExamRun, TrainingRun)
# How a run may have ended that can go on.
RESUMABLE = (RunState.INTERRUPTED, RunState.FAILED, RunState.CANCELLED)

# What a run that goes on forgets of its former end.
_AS_IF_NEW: dict[str, Any] = {
    "message": "",
    "message_code": "",
    "message_parameters": {},
    "cancel_requested": False,
    "finished_at": None,
}

AnyRun = TypeVar("AnyRun", bound=Run)


class RunCancelled(Exception):
    """Somebody asked for the run to stop."""


class RunLost(Exception):
    """The run is no longer ours: it was taken for lost, or deleted."""


class RunRefused(TrainingError):
    """The run may not start or go on now."""

    code = "run_refused"


class Reporter:
    """What the work tells of its progress, written about once a second however often it tells,
    and when a phase begins or is through."""

    def __init__(self, run: Run, on_progress: Callable[[str, int, int], None] | None = None):
        self._run = run
        self._on_progress = on_progress
        self._written_at = 0.0
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Raises RunCancelled when somebody asked for it, RunLost when the run is not ours."""
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
        """Write fields of the run at once. Raises as reporting does."""
        held = _held(self._run)
        if not held.update(**fields):
            raise RunLost
        if held.filter(cancel_requested=True).exists():
            raise RunCancelled


def start(run: Run) -> None:
    """Ask a worker to take a run, once its row is committed."""
    transaction.on_commit(lambda: _send(run))


def _send(run: Run) -> None:
    try:
        current_app.send_task(f"training.tasks.{run._meta.model_name}", [run.pk], retry=False)
    except (KombuError, RedisError, OSError) as error:
        logger.warning("Redis does not answer, the run waits for the sweeper: %s", error)


def hold(
    kind: type[AnyRun], pk: int, states: Sequence[RunState] = (RunState.QUEUED,)
) -> AnyRun | None:
    """Take a run that is in one of `states`; None where it is in none of them any more.

    Raises RunRefused where another run has to end first.
    """
    now, holder = timezone.now(), uuid.uuid4()
    rows = kind._default_manager.filter(pk=pk, state__in=states)
    taken = _change_state(
        rows,
        state=RunState.RUNNING,
        holder=holder,
        heartbeat_at=now,
        started_at=now,
        **_AS_IF_NEW,
    )
    return kind._default_manager.get(pk=pk) if taken else None


def execute(
    run: Run,
    work: Callable[[Reporter], Message],
    on_progress: Callable[[str, int, int], None] | None = None,
) -> RunState:
    """Do the work of a held run and record how it ended; `work` gives what to say then.

    Errors made for people end the run with their message, others with a general one and a
    traceback in the log; a database that is away raises, and the run is found by the sweeper.
    """
    reporter = Reporter(run, on_progress)
    state = RunState.DONE
    try:
        with pulse(partial(_beat, run), SILENCE.total_seconds() / 6):
            message = work(reporter)
    except RunLost:
        logger.warning("Run %s was taken from this worker; its work is dropped.", run)
        return RunState.INTERRUPTED
    except RunCancelled:
        state, message = RunState.CANCELLED, Message("cancelled")
    except VisionError as error:
        state, message = RunState.FAILED, error.message
    except DatabaseError:
        raise
    except KeyboardInterrupt:
        _finish(run, RunState.INTERRUPTED, Message("interrupted"))
        raise
    except Exception:
        logger.exception("Run %s failed.", run)
        state, message = RunState.FAILED, Message("unforeseen")
    _finish(run, state, message)
    return state


def _beat(run: Run) -> None:
    _held(run).update(heartbeat_at=timezone.now())


def _held(run: Run) -> QuerySet[Run]:
    rows: QuerySet[Run] = type(run)._default_manager.filter(
        pk=run.pk, holder=run.holder, state=RunState.RUNNING
    )
    return rows


def _finish(run: Run, state: RunState, message: Message) -> None:
    _held(run).update(state=state, finished_at=timezone.now(), holder=None, **_columns_of(message))
    run.refresh_from_db()


def _columns_of(message: Message) -> dict[str, Any]:
    return {"message_code": message.code, "message_parameters": stored(message.parameters)}


def cancel(run: Run) -> None:
    """Stop a run: at once where it waits, at its next step where it runs."""
    rows = type(run)._default_manager.filter(pk=run.pk)
    now = timezone.now()
    if not rows.filter(state=RunState.QUEUED).update(state=RunState.CANCELLED, finished_at=now):
        rows.filter(state=RunState.RUNNING).update(cancel_requested=True)


def resume(run: Run) -> bool:
    """Let an interrupted, failed or cancelled run go on where it stood; False in other states.

    Raises RunRefused where another run has to end first.
    """
    rows = type(run)._default_manager.filter(pk=run.pk, state__in=RESUMABLE)
    if not _change_state(rows, state=RunState.QUEUED, **_AS_IF_NEW):
        return False
    start(run)
    return True


def _change_state(rows: QuerySet[Any], **fields: Any) -> int:
    """Raises RunRefused where a constraint on open runs stands against it."""
    try:
        with transaction.atomic():
            return rows.update(**fields)
    except IntegrityError as error:
        raise RunRefused() from error


def sweep(now: datetime, kinds: tuple[type[Run], ...] = KINDS) -> int:
    """Show the runs of lost workers as interrupted, and ask again for those that wait.

    Returns how many were interrupted.
    """
    interrupted = 0
    for kind in kinds:
        interrupted += interrupt_lost(kind, now)
        waiting = kind._default_manager.filter(state=RunState.QUEUED)
        for run in waiting.filter(created_at__lt=now - SILENCE)[:10]:
            _send(run)
    return interrupted


def interrupt_lost(kind: type[Run], now: datetime) -> int:
    """Show the runs of lost workers as interrupted; how many there were."""
    lost = kind._default_manager.filter(state=RunState.RUNNING, heartbeat_at__lt=now - SILENCE)
    return lost.update(
        state=RunState.INTERRUPTED,
        holder=None,
        finished_at=now,
        **_columns_of(Message("interrupted.worker_lost")),
    )
