"""Who works on which prediction. Every change of hands is a conditional UPDATE.

A prediction is queued, then running while one claim holds it, then done or failed. Whoever
changes it names the state, or the claim, that it must be in; where no row changes, somebody else
was faster or the row is gone, and there is nothing left to do. Transactions are tiny: none is
open while a photo is read or estimated. Leases are written and judged by the database's clock, so
that workers' clocks need not agree.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from training.models import ModelVersion
from training.models.leases import UNCLAIMED, claimed_by, expired, renewed
from vision.messages import Message, stored
from vision.types import FaceResult

from .messages import FailureCode
from .models import NO_TURN, Face, Photo, Prediction, Status

# A photo that takes its worker down twice is not tried a third time.
MAX_ATTEMPTS = 2


@dataclass(frozen=True)
class Claim:
    """Predictions that one worker holds until it finishes them or lets its lease expire."""

    id: uuid.UUID
    predictions: tuple[Prediction, ...]

    @property
    def was_cut_off(self) -> bool:
        """Whether it is one prediction, tried alone because an earlier try was cut off."""
        return self.predictions[0].attempts > 1


class Returned(NamedTuple):
    """How many predictions without a result went back to the queue, and how many were given up."""

    requeued: int
    failed: int


def claim_batch(*, beside_another: bool = False) -> Claim | None:
    """Take the predictions whose turn it is, up to a batch. None where nothing waits.

    A prediction that was cut off before is taken alone, so that a photo that brings its worker
    down condemns no other: never together with others, and not by a worker that is at work on
    another batch (`beside_another`), for which None is the answer where its turn has come.
    """
    if not anything_waits():  # whoever looks in vain must not ask for the write lock
        return None
    claim = uuid.uuid4()
    with transaction.atomic():
        rows = _lock(waiting_in_turn(), settings.BATCH_PHOTOS)
        chosen = _safe_together(rows, beside_another)
        waiting_predictions().filter(pk__in=chosen).update(
            status=Status.RUNNING,
            **claimed_by(claim, settings.LEASE),
            attempts=F("attempts") + 1,
        )
    held = Prediction.objects.filter(pk__in=chosen, claim=claim).order_by("turn", "created_at")
    return Claim(claim, tuple(held.select_related("photo"))) if chosen else None


def waiting_predictions() -> QuerySet[Prediction]:
    """What no worker has taken yet and one will; what is paused is not among it."""
    return Prediction.objects.filter(status=Status.QUEUED, turn__lt=NO_TURN)


def waiting_in_turn() -> QuerySet[Prediction]:
    """What no worker has taken yet, in the order in which it will be."""
    return waiting_predictions().order_by("turn", "created_at")


def anything_waits() -> bool:
    """Asked in turn: without an order PostgreSQL may read the whole table to find nothing."""
    return bool(waiting_in_turn().values_list("pk")[:1])


def ahead_of(prediction: Prediction) -> QuerySet[Prediction]:
    """What waits and is taken before a prediction that waits."""
    earlier = Q(turn__lt=prediction.turn) | Q(created_at__lt=prediction.created_at)
    # The first condition follows from the others; by it an index is read no further than needed.
    return waiting_in_turn().filter(Q(turn__lte=prediction.turn) & earlier)


def renew(claim: Claim) -> None:
    """Let the lease of what the claim still holds begin anew."""
    _held(claim).update(**renewed(settings.LEASE))


def finish(
    claim: Claim,
    results: Mapping[Prediction, Sequence[FaceResult]],
    *,
    version: ModelVersion,
    took_ms: int,
) -> int:
    """Write results, faces and status, at once; how many of the predictions were still held.

    Of the others nothing is written.
    """
    if not results:
        return 0
    with transaction.atomic():
        # Whoever deletes a prediction locks its photo first: no face may arrive in between. In one
        # order, as deletions do.
        photos = Photo.objects.filter(pk__in=[prediction.photo_id for prediction in results])
        list(photos.select_for_update().order_by("pk").values_list("pk"))
        rows = _held(claim, *results).select_for_update().order_by("pk")
        held = set(rows.values_list("pk", flat=True))
        found = {one: faces for one, faces in results.items() if one.pk in held}
        _mark_done(claim, found, model_version=version, took_ms=took_ms)
        Face.objects.bulk_create(
            face_row(face, index, prediction=prediction)
            for prediction, faces in found.items()
            for index, face in enumerate(faces)
        )
    return len(found)


def _mark_done(
    claim: Claim, found: Mapping[Prediction, Sequence[FaceResult]], **columns: Any
) -> None:
    by_count = defaultdict(list)
    for prediction, faces in found.items():
        by_count[len(faces)].append(prediction)
    for count, predictions in by_count.items():
        _held(claim, *predictions).update(
            status=Status.DONE,
            finished_at=timezone.now(),
            face_count=count,
            failure_code="",
            failure_parameters={},
            **columns,
            **UNCLAIMED,
        )


def fail(claim: Claim, prediction: Prediction, why: Message) -> bool:
    """Give a prediction up for good; False, and nothing written, if it is no longer held."""
    return _give_up(_held(claim, prediction), why) == 1


def hand_back(claim: Claim) -> Returned:
    """Return what the claim still holds after an error: to be tried again, alone, or given up."""
    return _return(_held(claim), FailureCode.INTERNAL_ERROR)


def release(claim: Claim) -> None:
    """Return what was taken and not begun, as if it had never been taken."""
    _held(claim).update(status=Status.QUEUED, attempts=F("attempts") - 1, **UNCLAIMED)


def return_expired() -> Returned:
    """Return what lost workers have left behind: to be tried again, alone, or given up."""
    lost = expired(Prediction.objects.filter(status=Status.RUNNING))
    if not lost.order_by("lease_expires_at").values_list("pk")[:1]:  # as `anything_waits` does
        return Returned(0, 0)
    return _return(lost, FailureCode.WORKER_LOST)


def _held(claim: Claim, *predictions: Prediction) -> QuerySet[Prediction]:
    pks = [prediction.pk for prediction in predictions or claim.predictions]
    return Prediction.objects.filter(pk__in=pks, claim=claim.id, status=Status.RUNNING)


def _return(running: QuerySet[Prediction], code: str) -> Returned:
    with transaction.atomic():
        rows = running.filter(pk__in=[pk for pk, _ in _lock(running)])
        failed = _give_up(rows.filter(attempts__gte=MAX_ATTEMPTS), Message(code))
        return Returned(rows.update(status=Status.QUEUED, **UNCLAIMED), failed)


def _give_up(rows: QuerySet[Prediction], why: Message) -> int:
    return rows.update(
        status=Status.FAILED,
        failure_code=why.code,
        failure_parameters=stored(why.parameters),
        finished_at=timezone.now(),
        **UNCLAIMED,
    )


def _lock(rows: QuerySet[Prediction], most: int | None = None) -> list[tuple[uuid.UUID, int]]:
    """The key and the attempts of rows that no other transaction is at, locked for this one.

    On PostgreSQL two workers thus never wait for each other; on SQLite, which ignores the clause,
    the transaction as a whole has the write lock.
    """
    return list(rows.select_for_update(skip_locked=True).values_list("pk", "attempts")[:most])


def _safe_together(rows: Sequence[tuple[uuid.UUID, int]], beside_another: bool) -> list[uuid.UUID]:
    if rows and rows[0][1]:
        return [] if beside_another else [rows[0][0]]
    return [pk for pk, attempts in rows if not attempts]


def face_row(face: FaceResult, index: int, **columns: Any) -> Face:
    """A face as it was found and estimated, not stored; `columns` are further ones."""
    found = face.detection
    return Face(
        index=index,
        **found.box.as_json(),
        detection_confidence=round(found.confidence, 4),
        landmarks=[[round(float(v), 2) for v in point] for point in found.landmarks],
        quality=face.quality.as_json(),
        estimates=face.attributes.estimates(),
        **columns,
    )
