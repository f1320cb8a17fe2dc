"""`Prefer: wait=N` (RFC 7240): hold the answer until the prediction is finished, or N seconds."""

import re
import time

from predictions.models import Prediction, Status

LONGEST_WAIT = 60
_PREFERENCE = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", re.IGNORECASE)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.03, 0.5


def preferred_wait(header: str) -> int:
    """The seconds a `Prefer` header asks to wait, 0 to 60; 0 where it asks for nothing."""
    match = _PREFERENCE.search(header)
    return min(int(match.group(1)), LONGEST_WAIT) if match else 0


def wait_until_finished(prediction: Prediction, seconds: float) -> bool:
    """Look again and again, ever less often; returns whether it was finished in time.

    Each look is one short query outside any transaction.
    """
    stop, pause = time.monotonic() + seconds, _FIRST_PAUSE
    unfinished = Prediction.objects.filter(
        pk=prediction.pk, status__in=[Status.QUEUED, Status.RUNNING]
    )
    while unfinished.exists():
        left = stop - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return True
