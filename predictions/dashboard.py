"""What administrators want to know at a glance, before anything else."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from training.long_lists import number_in_words
from training.models import Job, JobKind, JobState
from training.registry.starter import waiting_starter
from training.registry.versions import active_version
from vision.messages import Message

from . import room
from .claims import waiting_in_turn
from .corrections import offered
from .heartbeats import all_seen, workers_of
from .messages import in_words
from .models import Prediction, Review, Status
from .notify import QUEUE
from .processes import Worker

# The administration's pages of the kinds of jobs.
_PAGES = {
    JobKind.IMPORT: "importrun",
    JobKind.LABEL_ISSUES: "reviewrun",
    JobKind.EXAMINATION: "examrun",
    JobKind.TRAINING: "trainingrun",
    JobKind.EXPORT: "exportrun",
}


def dashboard(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The administration's first page: who serves, what is under way, what waits for somebody."""
    return {
        **context,
        "serving": active_version(),
        "model_problems": _model_problems(),
        "newer_starter": waiting_starter(),
        "open_jobs": [_entry(job) for job in _open_jobs()],
        "waiting": number_in_words(waiting_in_turn()),
        "running": number_in_words(Prediction.objects.filter(status=Status.RUNNING)),
        "kept": room.kept(),
        "most_bytes": settings.MEDIA_BYTES,
        "days": settings.PHOTO_LIFETIME.days,
        "workers": [(seen, seen.takes_from(QUEUE), _problem(seen.worker)) for seen in all_seen()],
        "photos_are_served": bool(workers_of(QUEUE)),
        "to_review": number_in_words(offered().filter(review=Review.PENDING)),
    }


def _open_jobs() -> QuerySet[Job]:
    jobs = Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING])
    return jobs.select_related("dataset").order_by("kind", "-pk")


def _entry(job: Job) -> dict[str, Any]:
    return {
        "kind": job.get_kind_display(),
        "run": job,
        "url": job_url(job),
    }


def job_url(job: Job) -> str:
    """The administration's page of a job."""
    return reverse(f"admin:training_{_PAGES[JobKind(job.kind)]}_change", args=[job.pk])


def _model_problems() -> list[str]:
    """Why the active version does not serve everywhere, each reason once."""
    return list(dict.fromkeys(filter(None, map(_problem, workers_of(QUEUE)))))


def _problem(worker: Worker) -> str:
    return in_words(Message.from_json(worker.problem)) if worker.problem else ""
