"""An S3-compatible storage that may be away: it is waited for a few seconds, and by few.

Where it did not answer, all of this process are told so at once for a while, then one tries again;
so a storage that hangs does not hold every request that comes.
"""

import threading
import time
from typing import Any

from botocore.config import Config
from django.conf import settings
from storages.backends.s3 import S3Storage

_PAUSE = 5.0  # seconds for which nobody asks what has just not answered
_ATTEMPTS = 2


class BucketAway(OSError):
    """The storage has not answered a moment ago."""


class Bucket(S3Storage):  # type: ignore[misc]  # what has no stubs
    """The bucket of the settings, with their time-outs."""

    def __init__(self, **options: Any) -> None:
        config = Config(
            connect_timeout=settings.S3_CONNECT_TIMEOUT,
            read_timeout=settings.S3_READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        super().__init__(client_config=config, **options)
        self._silence = _Silence(_ATTEMPTS * (settings.S3_READ_TIMEOUT + 1.0))

    def _create_session(self) -> Any:
        session = super()._create_session()
        session.events.register("before-send.s3", self._silence.refuse)
        session.events.register("after-call.s3", self._silence.end)
        session.events.register("after-call-error.s3", self._silence.begin)
        return session


class _Silence:
    """Whether the storage has not answered a moment ago; the handlers of botocore's events.

    `patience`: the seconds that one who tries again may take.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._until: float | None = None
        self._trying = 0  # the thread that tries again

    def refuse(self, **_: Any) -> None:
        """Raises BucketAway while it is silent, but for one who tries again after a pause."""
        with self._lock:
            if self._until is None or self._trying == threading.get_ident():
                return
            if (now := time.monotonic()) < self._until:
                raise BucketAway("The storage has not answered a moment ago.")
            self._until, self._trying = now + self._patience, threading.get_ident()

    def begin(self, exception: Exception, **_: Any) -> None:
        if isinstance(exception, BucketAway):
            return
        with self._lock:
            self._until, self._trying = time.monotonic() + _PAUSE, 0

    def end(self, **_: Any) -> None:
        with self._lock:
            self._until, self._trying = None, 0
