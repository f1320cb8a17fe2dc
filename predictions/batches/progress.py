"""How far a batch is: counts, rate, time left, and what came out last."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from predictions.messages import FailureCode, explain, kind_of
from predictions.models import Prediction, Status

from .contents import predictions_of
from .models import UNDER_WAY, Archive, ArchiveState, Batch, BatchState, RefusedPhoto

_WINDOW = timedelta(minutes=1)  # of which the rate is told
_CANCELLED = Q(status=Status.FAILED, failure_code=FailureCode.BATCH_CANCELLED)


@dataclass(frozen=True)
class Progress:
    """`counts`: how many photos wait, run, are done, failed, were refused or were cancelled.

    `state`: `empty`, `running` while anything waits, runs or arrives, `paused`, `cancelled`, or
    `done`. `rate_per_minute`: photos finished within the last minute. `seconds_left`: until what
    waits is done at that rate; None where nothing tells.
    """

    state: str
    counts: dict[str, int]
    photos: int
    faces: int
    rate_per_minute: float
    seconds_left: int | None


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a prediction that is over, or the row of a refused one."""

    name: str
    at: datetime
    prediction: Prediction | None = None
    refused: RefusedPhoto | None = None

    @property
    def failure(self) -> dict[str, str] | None:
        of = self.prediction or self.refused
        return failure_of(of) if of else None


def progress_of(batch: Batch) -> Progress:
    now = timezone.now()
    found = predictions_of(batch).order_by().aggregate(**_SUMS, recent=_finished_since(now))
    counts = {name: found[name] for name in ("waiting", "running", "done", "failed", "cancelled")}
    counts["refused"] = batch.refused.count()
    left = counts["waiting"] + counts["running"]
    # Of a minute, or of as long as it has been at work.
    span = min(_WINDOW, max(timedelta(seconds=5), now - (found["first"] or now)))
    rate = found["recent"] * 60 / span.total_seconds()
    knows = rate and left and not batch.is_paused
    return Progress(
        state=_state(batch, counts),
        counts=counts,
        photos=sum(counts.values()) - counts["refused"],
        faces=found["faces"] or 0,
        rate_per_minute=round(rate, 1),
        seconds_left=round(left / rate * 60) if knows else None,
    )


def newest_outcomes(batch: Batch, most: int = 20) -> list[Outcome]:
    """What was finished or refused last, the newest first."""
    finished = predictions_of(batch).filter(finished_at__isnull=False).select_related("photo")
    outcomes = [
        *(
            Outcome(one.photo.name, one.finished_at or one.created_at, prediction=one)
            for one in finished.order_by("-finished_at", "-pk")[:most]
        ),
        *(
            Outcome(one.name, one.created_at, refused=one)
            for one in batch.refused.order_by("-created_at", "-pk")[:most]
        ),
    ]
    return sorted(outcomes, key=lambda outcome: outcome.at, reverse=True)[:most]


def archive_figures(archive: Archive) -> dict[str, Any]:
    """How far a zip is, as JSON.

    `state`: `waiting` where the quota is used up or storage is away, until about `continues_at`;
    `failure` then says so. `entries` is how many files are looked at, of which `unpacked` are
    through.
    """
    is_waiting = archive.state == ArchiveState.UNPACKING and bool(archive.not_before)
    return {
        "id": str(archive.pk),
        "name": archive.name,
        "bytes": archive.bytes,
        "piece_bytes": settings.ARCHIVE_PIECE_BYTES,
        "received": archive.received,
        "state": "waiting" if is_waiting else archive.state,
        "entries": archive.entries,
        "unpacked": archive.unpacked,
        "continues_at": archive.not_before if is_waiting else None,
        "failure": failure_of(archive),
    }


def failure_of(of: Prediction | RefusedPhoto | Archive) -> dict[str, str] | None:
    """Why something failed: a code for programs, a sentence for people."""
    if not of.failure_code:
        return None
    words = explain(of.failure_code, of.failure_parameters)
    return {"code": kind_of(of.failure_code), "message": words}


_SUMS: dict[str, Any] = {
    "waiting": Count("pk", filter=Q(status=Status.QUEUED)),
    "running": Count("pk", filter=Q(status=Status.RUNNING)),
    "done": Count("pk", filter=Q(status=Status.DONE)),
    "failed": Count("pk", filter=Q(status=Status.FAILED) & ~_CANCELLED),
    "cancelled": Count("pk", filter=_CANCELLED),
    "faces": Sum("face_count"),
    "first": Min("created_at"),
}


def _finished_since(now: datetime) -> Count:
    return Count("pk", filter=Q(finished_at__gt=now - _WINDOW) & ~_CANCELLED)


def _state(batch: Batch, counts: dict[str, int]) -> str:
    if batch.state != BatchState.OPEN:
        return batch.state
    arriving = Archive.objects.filter(batch=batch, state__in=UNDER_WAY).exists()
    if counts["waiting"] or counts["running"] or arriving:
        return "running"
    return "done" if any(counts.values()) else "empty"
