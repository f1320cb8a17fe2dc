"""Whether each part that the site is made of does its work: "ok", or a sentence that says what not,
in the reader's language.

Nothing here takes longer than a few seconds, whatever state a part is in.
"""

import logging
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from redis.exceptions import ResponseError

from predictions import room
from predictions.due_times import overdue
from predictions.heartbeats import UPKEEP, workers_of
from predictions.messages import in_words
from predictions.notify import QUEUE
from predictions.processes import Worker
from training.registry.versions import active_version
from vision.diskspace import in_words as in_bytes
from vision.messages import Message

from .statement_timeout import statement_timeout

logger = logging.getLogger(__name__)

OK = "ok"
DEGRADED, UNAVAILABLE = "degraded", "unavailable"
# Without these photos can be taken and shown, and a machine out of service would refuse them.
_DISPENSABLE = frozenset({"queue", "broker", "room", "workers", "beat"})
_NOTHING_ACTIVE = gettext_noop("No model version is active. Run: python manage.py register_starter")

PROBE = "faceroute.readyz"
"""What is written into a storage to see whether it takes anything."""
_PATIENCE = 2.0  # seconds for a storage, whose own limits are for uploads
_LATE = timedelta(minutes=15)
# What the scheduler does, by the names in CELERY_BEAT_SCHEDULE.
_TASKS = {
    "expire": gettext_noop("Deleting expired photos"),
    "sum up": gettext_noop("Counting the daily sums"),
    "erase": gettext_noop("Deleting what was asked to be deleted"),
    "sweep runs": gettext_noop("Looking for interrupted runs"),
    "sweep storage": gettext_noop("Tidying up the storage"),
    "forget expired log-ins": gettext_noop("Deleting expired log-ins"),
}


def readiness() -> dict[str, str]:
    """How every part is, by name."""
    # "queue" is what the broker was called before there were other parts to tell of.
    broker = _broker()
    checks = {"web": OK, "queue": broker, "broker": broker, "storage": _storage()}
    checks["database"] = _database()
    if checks["database"] == OK:
        checks["migrations"] = _migrations()
        for name, part in (
            ("model", _model),
            ("room", _room),
            ("workers", _workers),
            ("beat", _beat),
        ):
            checks[name] = _told_by_database(part)
    return checks


def overall(checks: Mapping[str, str]) -> str:
    """What all parts come to: "ok", "degraded" (photos are taken and shown) or "unavailable"."""
    troubled = {name for name, state in checks.items() if state != OK}
    if not troubled:
        return OK
    # Where the active version cannot be loaded another one serves, or photos wait for it.
    if checks.get("model") != _(_NOTHING_ACTIVE):
        troubled -= {"model"}
    return DEGRADED if troubled <= _DISPENSABLE else UNAVAILABLE


def _told_by_database(part: Callable[[], str]) -> str:
    try:
        with statement_timeout():
            return part()
    except DatabaseError:  # its table comes with a migration that is missing
        return _("The database cannot tell.")


def _broker() -> str:
    try:
        with current_app.connection_for_write() as broker:
            channel: Any = broker.default_channel
            channel.client.set("faceroute.readyz", 1, ex=60)
    except ResponseError as error:
        logger.warning("Redis takes no messages: %s", error)
        return _(_READ_ONLY)
    except Exception as error:  # each layer below raises errors of its own
        logger.warning("Redis does not answer: %s", error)
        return _(_AWAY)
    return OK


_NO_WORKER = gettext_noop("No inference worker is there. Photos wait for one.")
_NO_SCHEDULER = gettext_noop(
    "No scheduler is there. Photos are not deleted when their time is up, and lost trainings are "
    "not noticed."
)
_READ_ONLY = gettext_noop(
    "Redis takes no messages (it is read-only, or full). Photos are served all the same; imports "
    "and trainings wait."
)
_AWAY = gettext_noop(
    "Redis does not answer. Photos are served all the same; imports and trainings wait."
)


def _database() -> str:
    try:
        with statement_timeout(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.exception("The database does not answer.")
        return _("The database does not answer.")
    return OK


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return _("The database is older than the program. Run: python manage.py migrate")
    return OK


def _model() -> str:
    """Whether the version that is to serve does so wherever photos are served."""
    if active_version() is None:
        return _(_NOTHING_ACTIVE)
    return _problem_of(workers_of(QUEUE)) or OK


def _room() -> str:
    if (kept := room.kept()).is_all_that_may_be:
        return _(
            "Photos take %(size)s, which is all they may (FACEROUTE_MEDIA_BYTES), so no more are "
            "accepted."
        ) % {"size": in_bytes(kept.bytes)}
    return OK


def _workers() -> str:
    """Whether somebody serves photos, with whatever version."""
    there = workers_of(QUEUE)
    if any(worker.version for worker in there):
        return OK
    if not there:
        return _(_NO_WORKER)
    return _problem_of(there) or _("The inference workers are loading the model.")


def _problem_of(workers: Iterable[Worker]) -> str:
    """What the first worker that has a problem says of it; empty where none has."""
    problems = (worker.problem for worker in workers if worker.problem)
    return next((in_words(Message.from_json(problem)) for problem in problems), "")


def _beat() -> str:
    if not workers_of(UPKEEP):
        return _(_NO_SCHEDULER)
    if late := overdue(_LATE).first():
        due = timezone.localtime(late.due_at)
        return _("%(task)s has been overdue since %(date)s.") % {
            "task": _(_TASKS.get(late.name, late.name)),
            "date": f"{due:%Y-%m-%d %H:%M %Z}",
        }
    return OK


_asking = threading.Lock()


def _storage() -> str:
    """Whether photos can be stored, asked from a thread that may take longer than a probe."""
    troubles: list[Exception] = []
    if _asking.acquire(timeout=_PATIENCE):
        thread = threading.Thread(target=_ask_storage, args=(troubles,), daemon=True)
        thread.start()
        thread.join(_PATIENCE)
        if not thread.is_alive() and not troubles:
            return OK
    logger.warning("The storage of photos does not answer: %s", troubles)
    return _(
        "Photos cannot be stored: the disk is full or read-only, or the bucket does not answer."
    )


def _ask_storage(troubles: list[Exception]) -> None:
    try:
        if not isinstance(default_storage, FileSystemStorage):
            # One that only reads, or is full, answers whatever it is asked.
            kept = default_storage.save(PROBE, ContentFile(b"ready"))
            default_storage.delete(kept)
            return
        root = Path(settings.MEDIA_ROOT)
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(bytes(4096))
    except Exception as error:  # every storage raises the errors of its own client library
        troubles.append(error)
    finally:
        _asking.release()
