"""What its owner does with a batch: names it, holds it, lets it go on, gives it up, tries again.

Each of these is done once however often it is asked for, and changes nothing where the batch is in
no state for it: two tabs, or a request that is sent again, never disagree.
"""

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from predictions import quota
from predictions.access import Owner, hold
from predictions.messages import FailureCode
from predictions.models import NO_TURN, Prediction, Status
from predictions.notify import nudge
from predictions.turns import current_turn, turn_of_next
from predictions.uploads import QuotaExceeded

from .contents import predictions_of
from .deletion import drop_archives
from .models import Archive, Batch, BatchState

LONGEST_NAME = 100


def create(owner: Owner, name: str) -> Batch:
    """A batch without photos. `name`: what its owner calls it; blank names it by its time."""
    with transaction.atomic():
        held = hold(owner)
        return Batch.objects.create(
            **held.columns,
            name=_name(name) or timezone.localtime().strftime("%Y-%m-%d %H:%M"),
            expires_at=timezone.now() + settings.PHOTO_LIFETIME,
        )


def rename(batch: Batch, name: str) -> None:
    """A blank name changes nothing."""
    if _name(name):
        batch.name = _name(name)
        Batch.objects.filter(pk=batch.pk).update(name=batch.name)  # if it is still there


def pause(batch: Batch) -> None:
    """Let no worker take what waits; what is being estimated is finished."""
    with transaction.atomic():
        if _changed(batch, [BatchState.OPEN], BatchState.PAUSED):
            waiting = _locked(predictions_of(batch).filter(status=Status.QUEUED))
            _still(waiting, Status.QUEUED).update(turn=NO_TURN)


def resume(batch: Batch) -> None:
    """Let what waits be taken again, in turns from now on, so that it passes nobody else's."""
    with transaction.atomic():
        hold(_owner(batch))  # whose next turns are dealt here
        if _changed(batch, [BatchState.PAUSED], BatchState.OPEN):
            _deal(batch, _locked(predictions_of(batch).filter(status=Status.QUEUED)))


def cancel(batch: Batch) -> None:
    """Give up what waits, and what of zips is not unpacked; what is done stays."""
    with transaction.atomic():
        if not _changed(batch, [BatchState.OPEN, BatchState.PAUSED], BatchState.CANCELLED):
            return
        waiting = _locked(predictions_of(batch).filter(status=Status.QUEUED))
        _still(waiting, Status.QUEUED).update(
            status=Status.FAILED,
            failure_code=FailureCode.BATCH_CANCELLED,
            failure_parameters={},
            finished_at=timezone.now(),
        )
        drop_archives(Archive.objects.filter(batch=batch))


def retry(batch: Batch, by: Owner) -> int:
    """Queue what failed or was cancelled once more; how many photos that is.

    Those that a worker had tried count as sent again. Where the quota is used up by some of them,
    the others stay as they are. A batch that was cancelled is open again. `by`: its owner, with
    the address that it asks from. Raises QuotaExceeded where the quota is used up by now.
    """
    with transaction.atomic():
        held = hold(by)
        if not _changed(batch, list(_OF_OWNER), None):
            return 0
        failed = predictions_of(batch).filter(status=Status.FAILED)
        untried = _locked(failed.filter(attempts=0))
        tried = _locked(failed.filter(attempts__gt=0))
        counted_for = by if held.visitor else held
        granted = quota.take_up_to(counted_for, len(tried))
        if tried and not granted and not untried:
            raise QuotaExceeded(quota.seconds_to_wait(counted_for))
        _changed(batch, [BatchState.CANCELLED], BatchState.OPEN)
        chosen = [*untried, *tried[:granted]]
        _queue_again(batch, chosen)
        return len(chosen)


_OF_OWNER = (BatchState.OPEN, BatchState.PAUSED, BatchState.CANCELLED)


def _name(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:LONGEST_NAME]


def _owner(batch: Batch) -> Owner:
    return Owner(batch.owner_id, batch.visitor)


def _changed(batch: Batch, states: Collection[BatchState], state: BatchState | None) -> bool:
    """Lock a batch and change its state, if it is to be changed; whether it was in one of
    `states`."""
    current = Batch.objects.select_for_update().filter(pk=batch.pk, state__in=states).first()
    if current is None:
        return False
    if state:
        Batch.objects.filter(pk=batch.pk).update(state=state)
        batch.state = state
    return True


def _locked(predictions: QuerySet[Prediction]) -> list[UUID]:
    """Their keys, in the order of sending. Rows are locked in the order of their keys, as
    whoever deletes them locks them."""
    rows = predictions.select_for_update(of=("self",)).order_by("pk")
    return [pk for pk, _at in sorted(rows.values_list("pk", "created_at"), key=lambda row: row[1])]


def _still(keys: Collection[UUID], status: Status) -> QuerySet[Prediction]:
    return Prediction.objects.filter(pk__in=keys, status=status)


def _queue_again(batch: Batch, keys: Collection[UUID]) -> None:
    _still(keys, Status.FAILED).update(
        status=Status.QUEUED,
        turn=NO_TURN,
        attempts=0,
        failure_code="",
        failure_parameters={},
        finished_at=None,
    )
    if not batch.is_paused:
        _deal(batch, keys)


def _deal(batch: Batch, keys: Collection[UUID]) -> None:
    """Give predictions that wait the turns that as many new ones of the owner would get."""
    current = current_turn()
    first = turn_of_next(_owner(batch), current)
    turns = dict(zip(keys, range(first, first + len(keys)), strict=True))
    rows = list(_still(keys, Status.QUEUED))
    for row in rows:
        row.turn = turns[row.pk]
    Prediction.objects.bulk_update(rows, ["turn"], batch_size=200)
    if current is None:
        transaction.on_commit(nudge)
