"""Working through all that waits, batch after batch."""

import faulthandler
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, connection

from training.jobs.pulse import pulse

from .claims import Claim, claim_batch, release, renew, return_expired
from .inference import Batch, estimate, read
from .model_server import Estimator, ModelServer

logger = logging.getLogger(__name__)

# Seconds. No batch takes so long on any machine: a library hangs.
LONGEST_BATCH = 600.0


class Drain:
    """Claims until nothing waits, and reads the next batch while the present one is estimated.

    `served` counts the photos that it has worked through. Made once for a process, for one thread.
    """

    def __init__(self, server: ModelServer, stopping: threading.Event) -> None:
        self.served = 0
        self._server = server
        self._stopping = stopping
        self._held: list[Claim] = []
        self._ahead: Future[Batch | None] | None = None

    def run(self) -> None:
        """Return when nothing waits, nothing can serve, or `stopping` is set: then after the
        batch at hand, and what was read ahead goes back.

        Raises a database error where the database stays away; leases then run out.
        """
        # However slow the machine is, claims live for as long as their worker works on them.
        renewing = pulse(self._renew, settings.LEASE.total_seconds() / 3)
        with renewing, ThreadPoolExecutor(1, "reader") as reader:
            try:
                while not self._stopping.is_set() and self._work_through_one(reader):
                    return_lost()
            finally:
                self._give_back()
                reader.submit(connection.close)

    def _work_through_one(self, reader: ThreadPoolExecutor) -> bool:
        """Work through the next batch; whether there was one."""
        with _ends_with_process(LONGEST_BATCH):
            served = self._server.current()
            batch = self._next(served.estimator) if served else None
            if served is None or batch is None:
                return False
            if self._may_read_ahead(batch.claim):
                self._ahead = reader.submit(self._take, served.estimator, beside_another=True)
            estimate(batch, served)
            self._held.remove(batch.claim)
            self.served += len(batch.claim.predictions)
            return True

    def _may_read_ahead(self, claim: Claim) -> bool:
        """Not beside what felled a worker before, lest something falls with it; and not where all
        that waited was taken, whose result comes sooner without."""
        return not claim.was_cut_off and len(claim.predictions) == settings.BATCH_PHOTOS

    def _next(self, estimator: Estimator) -> Batch | None:
        ahead, self._ahead = self._ahead, None
        return (ahead.result() if ahead else None) or self._take(estimator)

    def _take(self, estimator: Estimator, *, beside_another: bool = False) -> Batch | None:
        claim = claim_batch(beside_another=beside_another)
        if claim is None:
            return None
        self._held.append(claim)
        return read(claim, estimator)

    def _renew(self) -> None:
        for claim in tuple(self._held):
            renew(claim)

    def _give_back(self) -> None:
        """Return what was read ahead, as if it had never been taken."""
        ahead, self._ahead = self._ahead, None
        try:
            with _ends_with_process(LONGEST_BATCH):
                if ahead and (batch := ahead.result()):
                    release(batch.claim)
        except DatabaseError as error:
            logger.warning("What was read ahead waits until its lease runs out: %s", error)
        finally:
            self._held.clear()


def return_lost() -> int:
    """Put back what lost workers have left, however long the queue is: somebody waits for that.

    How many predictions it was.
    """
    if returned := sum(return_expired()):
        logger.warning("%d predictions of lost workers were found.", returned)
    return returned


@contextmanager
def _ends_with_process(seconds: float) -> Iterator[None]:
    """End the process where the block takes longer, even if a library lets no thread run.

    Another process takes its place, and what it held is found as that of any lost worker.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)  # not what Celery makes of stderr
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
