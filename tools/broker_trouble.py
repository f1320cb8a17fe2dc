"""How photos fare while Redis is in trouble: a trial with the real processes and the starter.

    .venv/bin/python tools/broker_trouble.py --seconds 3 20 60

For each kind of trouble and each length a site of its own is started (Redis behind a proxy, web,
worker, scheduler). Sixty photos are sent by eight clients as fast as they can while the trouble
lasts. A row of the table tells when the last photo was claimed and when all were done, from the
first upload on, the most that a photo was claimed later than its like with a healthy Redis, and
the longest upload. Nothing is restarted.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
_scratch = tempfile.TemporaryDirectory(prefix="faceroute-trouble-")
os.environ |= {"FACEROUTE_DATA_DIR": _scratch.name, "FACEROUTE_PHOTOS_PER_HOUR": "100000"}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from knox.models import AuthToken  # noqa: E402

from faceroute_site import embedded_redis  # noqa: E402
from predictions.models import Prediction, Status  # noqa: E402
from tests.predictions.arrivals import send_many, watched  # noqa: E402
from tests.processes import Stack, free_port, wait_until  # noqa: E402
from tests.tcp_proxy import TcpProxy, Trouble  # noqa: E402

PHOTOS, CLIENTS = 60, 8
_PATIENCE = 120.0  # seconds after the trouble; whoever is not done by then is given up


@dataclass
class Outcome:
    """Seconds from the first upload on: of each claim, in their order, and until all were done
    (None: not all were); and the longest upload."""

    claims: list[float]
    done: float | None
    upload: float

    def later_than(self, healthy: "Outcome") -> float:
        """The most that a photo was claimed later than its like with a healthy Redis."""
        return max(mine - theirs for mine, theirs in zip(self.claims, healthy.claims, strict=False))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[3, 20, 60])
    parser.add_argument("--trouble", type=Trouble, nargs="+", default=list(Trouble)[1:])
    options = parser.parse_args(arguments)
    photo = options.photo.read_bytes()
    print("| Redis | for | claimed | last claim | all done | later by | longest upload |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    healthy = trial(photo, Trouble.NONE, 0)
    tell("healthy", 0, healthy, healthy)
    for trouble in options.trouble:
        for seconds in options.seconds:
            tell(trouble, seconds, trial(photo, trouble, seconds), healthy)


def tell(name: str, seconds: float, outcome: Outcome, healthy: Outcome) -> None:
    done = "never" if outcome.done is None else f"{outcome.done:.1f} s"
    last = max(outcome.claims, default=float("nan"))
    print(  # noqa: T201
        f"| {name} | {seconds:.0f} s | {len(outcome.claims)} | {last:.1f} s | {done} "
        f"| {outcome.later_than(healthy):.1f} s | {outcome.upload:.1f} s |",
        flush=True,
    )


def trial(photo: bytes, trouble: Trouble, seconds: float) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="faceroute-trial-") as folder:
        data = Path(folder)
        connection.close()
        connection.settings_dict["NAME"] = str(data / "db.sqlite3")
        with Stack(data, logs=data) as stack:
            port = free_port()
            stack.start("redis", embedded_redis.executable(), "--port", str(port), "--save", "")
            with TcpProxy(port) as proxy:
                stack.environment["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
                return _with_site(stack, proxy, photo, trouble, seconds)


def _with_site(
    stack: Stack, proxy: TcpProxy, photo: bytes, trouble: Trouble, seconds: float
) -> Outcome:
    stack.manage("migrate", "--verbosity", "0")
    stack.manage("register_starter")
    _, key = AuthToken.objects.create(User.objects.create_user("ann"))
    stack.start_beat()
    stack.start_worker(queues="inference,upkeep")
    _, url = stack.start_web(processes=2)
    with watched() as warm:
        send_many(warm, url, key, photo, count=1)
        wait_until(all_done, "the first photo is done")
    Prediction.objects.all().delete()
    with watched() as arrivals:
        proxy.trouble = trouble
        began = time.monotonic()
        send_many(arrivals, url, key, photo, count=PHOTOS, clients=CLIENTS)
        done = _wait(began, began + seconds, proxy)
    claims = sorted(at - began for at in arrivals.claimed.values())
    return Outcome(claims, done, max(arrivals.uploads))


def _wait(began: float, end: float, proxy: TcpProxy) -> float | None:
    """Ends the trouble when its time is up; when all were done, None if they never were."""
    while time.monotonic() < end + _PATIENCE:
        if time.monotonic() >= end:
            proxy.trouble = Trouble.NONE
        if all_done():
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def all_done() -> bool:
    return not Prediction.objects.exclude(status=Status.DONE).exists()


if __name__ == "__main__":
    main()
