"""Finding what was lost: the work of dead workers, and predictions nobody was woken for."""

from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from .claims import return_expired
from .models import Prediction, Status
from .notify import notify, waiting_messages

# Enough to keep many workers busy until the next sweep; the rest is woken then.
_MOST_WAKES = 200


class Swept(NamedTuple):
    """What one sweep did, in predictions; `woken` in messages."""

    requeued: int
    failed: int
    woken: int


def sweep(now: datetime) -> Swept:
    """Return the work of lost workers to the queue, or fail it, and wake workers for what waits.

    One message serves a batch, and those in the queue already count: however often it runs, no
    more messages lie there than there is work for. Raises where Redis does not answer.
    """
    returned = return_expired(now)
    missing = _batches_waiting()[waiting_messages() :]
    woken = sum(map(notify, missing))
    return Swept(*returned, woken)


def _batches_waiting() -> list[UUID]:
    """One prediction of each batch that the waiting ones will make, those taken alone first."""
    waiting = Prediction.objects.filter(status=Status.QUEUED).order_by("created_at")
    keys = waiting.values_list("pk", flat=True)
    alone = keys.filter(attempts__gt=0)[:_MOST_WAKES]
    together = keys.filter(attempts=0)[: _MOST_WAKES * settings.BATCH_PHOTOS]
    return [*alone, *islice(together, 0, None, settings.BATCH_PHOTOS)][:_MOST_WAKES]
