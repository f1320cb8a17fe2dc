"""Keeping a claim alive for as long as its worker works on it, however slow the machine is."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error, connection

from .claims import Claim, renew

logger = logging.getLogger(__name__)


@contextmanager
def lease_kept(claim: Claim) -> Iterator[None]:
    """Renew the claim's lease, from a thread with its own connection, until the block is left."""
    left = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(left, claim), daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


def _renew_until(left: threading.Event, claim: Claim) -> None:
    try:
        while not left.wait(settings.LEASE.total_seconds() / 3):
            try:
                renew(claim)
            except Error as error:
                logger.warning("The lease of a batch could not be renewed: %s", error)
                connection.close()
    finally:
        connection.close()
