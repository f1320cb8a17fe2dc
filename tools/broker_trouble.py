"""How photos fare while Redis is in trouble: a trial with the real processes and the starter.

    .venv/bin/python tools/broker_trouble.py PHOTO.jpg --seconds 3 20 60

A site is started (Redis behind a proxy, web, worker, scheduler), and nothing of it is restarted.
For each kind of trouble and each length, sixty photos are sent by eight clients as fast as they can
while the trouble lasts. A row of the table tells when the last photo was claimed and when all were
done, from the first upload on, the most that a photo was claimed later than its like with a healthy
Redis, and the longest upload.
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
from tests.predictions.arrivals import Arrivals, send_many, watched  # noqa: E402
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
    with tempfile.TemporaryDirectory(prefix="faceroute-trial-") as folder:
        data, port = Path(folder), free_port()
        connection.settings_dict["NAME"] = str(data / "db.sqlite3")
        with Stack(data, logs=data) as stack, TcpProxy(port) as proxy:
            stack.start("redis", embedded_redis.executable(), "--port", str(port), "--save", "")
            stack.environment["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
            measure(_site(stack, proxy, options.photo.read_bytes()), options)


def measure(site: "Site", options: argparse.Namespace) -> None:
    print("| Redis | for | claimed | last claim | all done | later by | longest upload |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    healthy = site.trial(Trouble.NONE, 0)
    tell("healthy", 0, healthy, healthy)
    for trouble in options.trouble:
        for seconds in options.seconds:
            tell(trouble, seconds, site.trial(trouble, seconds), healthy)


def tell(name: str, seconds: float, outcome: Outcome, healthy: Outcome) -> None:
    done = "never" if outcome.done is None else f"{outcome.done:.1f} s"
    last = max(outcome.claims, default=float("nan"))
    print(  # noqa: T201
        f"| {name} | {seconds:.0f} s | {len(outcome.claims)} | {last:.1f} s | {done} "
        f"| {outcome.later_than(healthy):.1f} s | {outcome.upload:.1f} s |",
        flush=True,
    )


@dataclass
class Site:
    """What photos are sent to, and what its Redis is reached by."""

    url: str
    key: str
    photo: bytes
    proxy: TcpProxy

    def trial(self, trouble: Trouble, seconds: float) -> Outcome:
        """Send photos while Redis is in trouble; what became of them."""
        self._send_one()
        with watched() as arrivals:
            self.proxy.trouble = trouble
            began = time.monotonic()
            self._send(arrivals, PHOTOS)
            done = self._wait(began, began + seconds)
        claims = sorted(at - began for at in arrivals.claimed.values())
        return Outcome(claims, done, max(arrivals.uploads))

    def _send(self, arrivals: Arrivals, count: int) -> None:
        send_many(arrivals, self.url, self.key, self.photo, count=count, clients=CLIENTS)

    def _send_one(self) -> None:
        with watched() as before:
            self._send(before, 1)
            wait_until(all_done, "a photo is done", seconds=_PATIENCE)
        Prediction.objects.all().delete()

    def _wait(self, began: float, end: float) -> float | None:
        """Lets the trouble last until `end`; when all were done, None if they never were."""
        done: float | None = None
        while (now := time.monotonic()) < end + _PATIENCE and not (done and now > end):
            if done is None and all_done():
                done = now - began
            if now >= end:
                self.proxy.trouble = Trouble.NONE
            time.sleep(0.05)
        self.proxy.trouble = Trouble.NONE
        return done


def _site(stack: Stack, proxy: TcpProxy, photo: bytes) -> Site:
    stack.manage("migrate", "--verbosity", "0")
    stack.manage("register_starter")
    _, key = AuthToken.objects.create(User.objects.create_user("ann"))
    stack.start_beat()
    stack.start_worker(queues="inference")
    _, url = stack.start_web(processes=2)
    return Site(url, key, photo, proxy)


def all_done() -> bool:
    return not Prediction.objects.exclude(status=Status.DONE).exists()


if __name__ == "__main__":
    main()
