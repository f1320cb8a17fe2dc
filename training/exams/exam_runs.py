"""Examinations in the background: all versions that have no outcome on the exam yet."""

from dataclasses import dataclass, field
from typing import Any

from training.datasets.lineage import bring_up_to_date
from training.jobs import lifecycle
from training.jobs.lifecycle import JobRefused, Reporter
from training.models import Exam, ExamRun, JobState
from vision.messages import Message, several

from .exam_store import add_groups, current_exam, without_groups
from .examinations import Progress, examine_waiting, waiting
from .freezing import is_due, settled_exam


@dataclass(frozen=True)
class Examination:
    """What was done: `examined` versions by name, and `failed`, name → why."""

    exam: Exam | None = None
    examined: tuple[str, ...] = ()
    failed: dict[str, Message] = field(default_factory=dict)


def examine_all(on_progress: Progress) -> Examination:
    """Freeze the exam where that is due, and score every version that has no outcome there.

    Cut off, it goes on with the version it was at. Raises whatever `on_progress` raises. Imports
    TensorFlow.
    """
    bring_up_to_date(on_progress)
    exam = settled_exam()
    if exam is None:
        return Examination()
    add_groups()
    before = [version.name for version in waiting(exam)]
    failed = examine_waiting(exam, on_progress)
    return Examination(exam, tuple(name for name in before if name not in failed), failed)


def is_needed() -> bool:
    """Whether an exam is to be frozen, a version to be scored on the one that there is, or an
    outcome to be told by estimate."""
    return is_due() or has_unexamined() or bool(current_exam() and without_groups().exists())


def has_unexamined() -> bool:
    """Whether there is an exam, and a version that has no outcome of it."""
    exam = current_exam()
    return bool(exam and waiting(exam))


def request_examination(user: Any) -> ExamRun:
    """Queue an examination, or give the one that is under way."""
    try:
        run = lifecycle.create(ExamRun, requested_by=user)
    except JobRefused:
        return ExamRun.objects.get(state__in=[JobState.QUEUED, JobState.RUNNING])
    lifecycle.enqueue(run)
    return run


def examine_now(on_progress: Progress) -> tuple[ExamRun, Examination]:
    """Examine in this process, when it is its turn; how the run ended, and what was done."""
    done = Examination()

    def work(reporter: Reporter) -> Message:
        nonlocal done
        done = examine_all(reporter)
        return told(done)

    run = lifecycle.create_in_turn(ExamRun, on_progress)
    return lifecycle.run_now(run, work, on_progress), done


def queue_where_due() -> bool:
    """After an upgrade: let whatever is not examined be. Whether there was anything."""
    return lifecycle.create_where_due(ExamRun, is_due=is_needed())


def work(pk: int) -> None:
    """Do an examination that waits, if it still does."""
    if run := lifecycle.take(ExamRun, pk):
        lifecycle.execute(run, _work)


def _work(reporter: Reporter) -> Message:
    return told(examine_all(reporter))


def told(done: Examination) -> Message:
    """What was done, to be said."""
    if done.exam is None:
        return Message("no_exam")
    failed = [
        Message("not_examined", {"name": name, "reason": reason})
        for name, reason in done.failed.items()
    ]
    return several([Message("examined", {"count": len(done.examined)}), *failed])
