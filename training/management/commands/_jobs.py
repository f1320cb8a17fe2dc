"""A job that a command does itself, to its end."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from training.jobs.lifecycle import JobRefused
from training.models import Job, JobState


@contextmanager
def refusals_told() -> Iterator[None]:
    """Where a job may not start, the command ends with the sentence that says why."""
    try:
        yield
    except JobRefused as refused:
        raise CommandError(str(refused)) from refused


def require_done(job: Job) -> None:
    """Raises CommandError, with the job's own sentence, where it did not come to its end."""
    if job.state != JobState.DONE:
        raise CommandError(job.sentence)
