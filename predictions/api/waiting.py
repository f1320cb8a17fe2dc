"""`Prefer: wait=N` (RFC 7240): hold the answer until the prediction is finished, or N seconds."""

import re
import time
from threading import BoundedSemaphore

from django.conf import settings
from django.db import close_old_connections

from predictions.models import Prediction, Status

LONGEST_WAIT = 60  # seconds
_PREFERENCE = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.03, 0.5  # seconds

# Whoever waits keeps a thread of the web process. Where many do, the others wait briefly only, so
# that the pages stay quick when the workers are not.
_seats = BoundedSemaphore(settings.WAITING_REQUESTS)
_STANDING = 10  # seconds


def preferred_wait(header: str) -> int:
    """The seconds a `Prefer` header asks to wait, 0 to 60; 0 where it asks for nothing."""
    match = _PREFERENCE.search(header)
    return min(int(match.group(1)), LONGEST_WAIT) if match else 0


def wait_until_finished(prediction: Prediction, seconds: int) -> None:
    """Wait until a prediction is finished or the time is up.

    Each look is one short query outside any transaction, and they come ever less often.
    """
    seated = _seats.acquire(blocking=False)
    try:
        _watch(prediction, time.monotonic() + (seconds if seated else min(seconds, _STANDING)))
    finally:
        if seated:
            _seats.release()


def _watch(prediction: Prediction, stop: float) -> None:
    unfinished = Prediction.objects.filter(
        pk=prediction.pk, status__in=[Status.QUEUED, Status.RUNNING]
    )
    pause = _FIRST_PAUSE
    while unfinished.exists() and (left := stop - time.monotonic()) > 0:
        close_old_connections()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
