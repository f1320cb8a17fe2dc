"""What whoever waits for a photo wants to know: how many are taken before it, and whether anybody
is there to take them."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from training.long_lists import count_up_to

from .claims import ahead_of
from .heartbeats import workers_of
from .models import Prediction, Status
from .notify import QUEUE

_MOST_AHEAD = 1000  # whoever is behind so many need not know exactly
# A worker that starts is heard of within this time, and most photos are done before it is over.
_PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True)
class QueuePlace:
    """Where an unfinished prediction stands.

    `ahead`: how many are taken before it; with `more_are_ahead` even more than so many.
    `lacks_worker`: it has waited for ten seconds, and no worker is there that could take it.
    """

    ahead: int
    more_are_ahead: bool
    lacks_worker: bool


def place_of(prediction: Prediction) -> QueuePlace | None:
    """The place of a prediction; None of one that is finished."""
    if prediction.is_finished:
        return None
    is_queued = prediction.status == Status.QUEUED
    ahead = count_up_to(ahead_of(prediction), _MOST_AHEAD) if is_queued else 0
    return QueuePlace(
        ahead=min(ahead, _MOST_AHEAD),
        more_are_ahead=ahead > _MOST_AHEAD,
        lacks_worker=timezone.now() - prediction.created_at > _PATIENCE and not _anybody_works(),
    )


def _anybody_works() -> bool:
    """Whether a worker serves some version, or is still loading one."""
    return any(worker.version or not worker.problem for worker in workers_of(QUEUE))
