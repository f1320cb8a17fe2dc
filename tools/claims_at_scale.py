"""How long looking, sending and claiming take beside a million predictions of which many wait.

    DATABASE_URL=… .venv/bin/python tools/claims_at_scale.py --rows 1000000 --waiting 10000

Fills an empty database, an SQLite file of its own by default, and also tells how long the
migration that brings turns takes on so many rows.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
_scratch = tempfile.TemporaryDirectory(prefix="faceroute-scale-")
os.environ["FACEROUTE_DATA_DIR"] = _scratch.name
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from predictions import claims, turns  # noqa: E402
from predictions.access import Owner  # noqa: E402
from predictions.models import Photo, Prediction, Status  # noqa: E402

_BEFORE, _CHUNK = "0009", 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    fill(options.rows, options.waiting)
    call_command("migrate", "predictions", _BEFORE, verbosity=0)
    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    print(f"{connection.vendor}: the migration took {time.perf_counter() - started:.1f} s")  # noqa: T201
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for number, pk in enumerate(
        claims.waiting_predictions().order_by("created_at").values_list("pk", flat=True)
    ):
        Prediction.objects.filter(pk=pk).update(turn=number)
    measure()


def fill(rows: int, waiting: int) -> None:
    owners = [User.objects.create_user(f"user{n}") for n in range(50)]
    expires = timezone.now() + timedelta(days=30)
    photos = [Photo(owner=one, width=1, height=1, expires_at=expires) for one in owners]
    Photo.objects.bulk_create(photos)
    for first in range(0, rows, _CHUNK):
        Prediction.objects.bulk_create(
            Prediction(
                photo=photos[n % 50],
                owner=owners[0 if n >= rows - waiting else n % 50],
                status=Status.QUEUED if n >= rows - waiting else Status.DONE,
            )
            for n in range(first, min(rows, first + _CHUNK))
        )


def measure() -> None:
    sender, stranger = (
        Owner(user_id=User.objects.get(username="user0").pk),
        Owner(None, uuid.uuid4()),
    )
    tell("whether anything waits", claims.anything_waits)
    tell("whether a lease ran out", claims.return_expired)
    tell(
        "the turn of the next, of who sent all",
        lambda: turns.turn_of_next(sender, turns.current_turn()),
    )
    tell(
        "the turn of the next, of somebody else",
        lambda: turns.turn_of_next(stranger, turns.current_turn()),
    )
    tell("claiming a batch", claims.claim_batch)


def tell(what: str, action: Callable[[], object], times: int = 50) -> None:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        taken.append(1000 * (time.perf_counter() - started))
    worst = sorted(taken)[-3]
    print(f"  {what}: {statistics.median(taken):.2f} ms, at most {worst:.2f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
