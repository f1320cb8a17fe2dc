"""What administrators want to know at a glance, before anything else."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from training.jobs.lifecycle import KINDS
from training.models import Run, RunState
from training.registry.starter import waiting_starter
from training.registry.versions import active_version
from vision.messages import Message

from .heartbeats import all_seen, workers_of
from .messages import in_words
from .models import Correction, Prediction, Review, Status
from .notify import QUEUE
from .processes import Worker


def dashboard(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The administration's first page: who serves, what is under way, what waits for somebody."""
    return {
        **context,
        "serving": active_version(),
        "newer_starter": waiting_starter(),
        "open_runs": [_entry(run) for kind in KINDS for run in _open(kind)],
        "waiting": Prediction.objects.filter(status=Status.QUEUED).count(),
        "running": Prediction.objects.filter(status=Status.RUNNING).count(),
        "workers": [(seen, _problem(seen.worker)) for seen in all_seen()],
        "photos_are_served": bool(workers_of(QUEUE)),
        "to_review": Correction.objects.filter(review=Review.PENDING).count(),
    }


def _open(kind: Any) -> list[Run]:
    runs = kind._default_manager.filter(state__in=[RunState.QUEUED, RunState.RUNNING])
    return list(runs.select_related("dataset") if hasattr(kind, "dataset") else runs)


def _entry(run: Run) -> dict[str, Any]:
    name = run._meta.model_name
    return {
        "kind": run._meta.verbose_name,
        "run": run,
        "url": reverse(f"admin:training_{name}_change", args=[run.pk]),
    }


def _problem(worker: Worker) -> str:
    return in_words(Message.from_json(worker.problem)) if worker.problem else ""
