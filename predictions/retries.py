"""Waiting, within limits, for a storage or a database that is briefly away."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import close_old_connections

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds


class Retries:
    """A limited number of pauses (seconds), shared by all that one batch has to wait for."""

    def __init__(self, pauses: Iterable[float] = _PAUSES) -> None:
        self._pauses = iter(pauses)

    def attempt(self, action: Callable[[], T], *troubles: type[Exception]) -> T:
        """What `action` returns, called again after every trouble until the pauses are used up.

        Raises the last trouble then, and anything else at once.
        """
        while True:
            try:
                return action()
            except troubles as trouble:
                pause = next(self._pauses, None)
                if pause is None:
                    raise
                logger.warning("Trying again in %s s: %s", pause, trouble)
            close_old_connections()
            time.sleep(pause)
