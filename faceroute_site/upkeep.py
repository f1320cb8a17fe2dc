"""What `celery beat` does here: it does what is due by itself, without a queue or a file.

When a task is due stands in the database, where of two schedulers only one claims it. So neither
a Redis that is away nor a damaged file nor a clock that was put right keeps it from being done.
"""

import logging
import threading
from typing import Any

from celery.beat import Scheduler
from django.db import Error, close_old_connections, connection

from predictions.due_times import claim_due
from predictions.heartbeats import UPKEEP, Heartbeat

logger = logging.getLogger(__name__)

_PAUSE = 5.0  # seconds between two looks


class UpkeepScheduler(Scheduler):
    """Does the tasks of CELERY_BEAT_SCHEDULE, each in a thread, so that none waits for another."""

    def setup_schedule(self) -> None:
        self._at_work: dict[str, threading.Thread] = {}
        self._heartbeat = Heartbeat([UPKEEP])
        self._heartbeat.start()

    def tick(self, *_: Any, **__: Any) -> float:
        """Begin what is due; how many seconds to wait before the next look."""
        try:
            close_old_connections()
            for name, entry in self.app.conf.beat_schedule.items():
                self._begin_if_due(name, entry)
        except Error as error:
            logger.warning("The database is away: %s", error)
            connection.close()
        return _PAUSE

    def close(self) -> None:
        self._heartbeat.stop()

    def _begin_if_due(self, name: str, entry: dict[str, Any]) -> None:
        at_work = self._at_work.get(name)
        if (at_work and at_work.is_alive()) or not claim_due(name, entry["schedule"]):
            return
        thread = threading.Thread(target=self._do, args=(name, entry["task"]), daemon=True)
        self._at_work[name] = thread
        thread.start()

    def _do(self, name: str, task: str) -> None:
        try:
            self.app.tasks[task]()
        except Exception:
            logger.exception("“%s” failed; it is tried again when it is due again.", name)
        finally:
            connection.close()
