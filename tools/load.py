"""What a whole site stands: a trial with its real processes and the starter.

    .venv/bin/python tools/load.py [PHOTO] [--trials TRIAL…] [--photos N] [--workers N] [--json]

A site is started (Redis, web, worker, scheduler) on an empty data folder and stopped at the end.
The trials: `queue` has so many photos wait and sets what the workers do of them against detector
and network alone, in batches, on the same decoded photos, before, in between and after; `idle` sets
an upload that waits for its result against the pipeline's own time; `clients` has 1, 8 and 32
clients send as fast as they are answered; `uploads` sends 50 photos of 15 MB at once and tells what
the web's processes hold (PSS) beyond what they began with. PHOTO has a face; where it is left out,
a public-domain portrait is taken. Linux.
"""

import argparse
import contextlib
import io
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
_scratch = tempfile.TemporaryDirectory(prefix="faceroute-load-")
os.environ |= {"FACEROUTE_DATA_DIR": _scratch.name, "FACEROUTE_PHOTOS_PER_HOUR": "1000000"}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import django  # noqa: E402

django.setup()

import numpy as np  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from knox.models import AuthToken  # noqa: E402
from PIL import Image  # noqa: E402

from predictions.access import Owner  # noqa: E402
from predictions.model_server import ModelServer, load_pipeline  # noqa: E402
from predictions.models import Photo, Prediction, Status  # noqa: E402
from predictions.uploads import accept_photo  # noqa: E402
from tests.predictions.arrivals import post_photo  # noqa: E402
from tests.processes import Process, Stack, wait_until  # noqa: E402
from tools.family import memory, processor_seconds  # noqa: E402
from tools.photos import public_portrait  # noqa: E402
from vision.benchmark.timing import Cost, Timing, alternated, rounded, timed  # noqa: E402

_BATCH = 8
_PARTS = 2  # of the queued photos, with what is measured alone around each
_ALONE = 100  # photos
_ROUNDS = 20
_CLIENTS = (1, 8, 32)
_LARGE_UPLOADS, _LARGE_BYTES = 50, 15_000_000
_PATIENCE = 600.0  # seconds


@dataclass
class Site:
    """The running site, what it is sent, and the pipeline of its worker in this process."""

    url: str
    key: str
    owner: Owner
    photo: bytes
    web: Process
    workers: list[Process]
    pipeline: Any
    photos: int

    def send(self, photo: bytes, wait: int = 0) -> Any:
        return post_photo(self.url, self.key, photo, wait=wait, patience=_PATIENCE)


def queue(site: Site) -> dict[str, Any]:
    """Photos that wait, against detector and network alone."""
    decoded = site.pipeline.decode([_kept(site)] * _BATCH)
    alone, drained = [_alone(site, decoded)], []
    for _ in range(_PARTS):
        drained.append(_drained(site, site.photos // _PARTS))
        alone.append(_alone(site, decoded))
    ours, theirs = Timing(tuple(drained)), Timing(tuple(alone))
    return {
        "workers": len(site.workers),
        "a_photo_by_the_workers": ours.as_json(),
        "a_photo_by_detector_and_network_alone": theirs.as_json(),
        "share_of_alone": {
            "wall": _share([one.wall for one in alone], [one.wall for one in drained]),
            "cpu": _share([one.cpu for one in alone], [one.cpu for one in drained]),
        },
    }


def _share(alone: Sequence[float], drained: Sequence[float]) -> dict[str, float]:
    medians = statistics.median(alone) / statistics.median(drained)
    return {"of_bests": min(alone) / min(drained), "median": medians}


def idle(site: Site) -> dict[str, Any]:
    """One upload at a time that waits for its result, against the pipeline's own time."""
    kept = _kept(site)
    measures = {
        "answered": timed(lambda: site.send(site.photo, wait=30)),
        "pipeline": timed(lambda: site.pipeline.run([kept])),
    }
    timings = alternated(measures, _ROUNDS)
    told: dict[str, Any] = {name: timing.as_json()["wall_ms"] for name, timing in timings.items()}
    return {**told, "ratio": timings["answered"].to(timings["pipeline"])["wall"]}


def clients(site: Site) -> dict[str, Any]:
    """So many clients, each of which sends its next photo when it has the result of the last."""
    report: dict[str, Any] = {}
    for count in _CLIENTS:
        photos = max(40, 4 * count)

        def send(_: int) -> float:
            begun = time.monotonic()
            site.send(site.photo, wait=60)
            return time.monotonic() - begun

        begun = time.monotonic()
        with ThreadPoolExecutor(count) as pool:
            taken = sorted(1000 * each for each in pool.map(send, range(photos)))
        rate = photos / (time.monotonic() - begun)
        marks = {f"p{share}_ms": _percentile(taken, share) for share in (50, 95, 99)}
        report[str(count)] = {**marks, "photos": photos, "photos_a_second": rate}
    return report


def uploads(site: Site) -> dict[str, Any]:
    """Large photos at once; the most that the web's processes held beyond their beginning."""
    large = _large_photo()
    before = memory(site.web.pid)
    peak, over = [before], threading.Event()

    def weigh() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], memory(site.web.pid))

    weighing = threading.Thread(target=weigh, daemon=True)
    weighing.start()
    begun = time.monotonic()
    with ThreadPoolExecutor(_LARGE_UPLOADS) as pool:
        list(pool.map(lambda _: site.send(large), range(_LARGE_UPLOADS)))
    seconds = time.monotonic() - begun
    over.set()
    weighing.join()
    return {
        "uploads": _LARGE_UPLOADS,
        "megabytes_each": len(large) / 1e6,
        "seconds": seconds,
        "web_mb_before": before,
        "web_mb_beyond": peak[0] - before,
    }


TRIALS: dict[str, Callable[[Site], dict[str, Any]]] = {
    each.__name__: each for each in (queue, idle, clients, uploads)
}


def _alone(site: Site, decoded: Sequence[Any]) -> Cost:
    """What a photo costs detector and network in full batches, decoded already."""
    measure = timed(lambda: site.pipeline.estimate(decoded), per=len(decoded))
    costs = [measure() for _ in range(_ALONE // len(decoded))]
    wall = statistics.median(cost.wall for cost in costs)
    return Cost(wall, statistics.median(cost.cpu for cost in costs))


def _drained(site: Site, count: int) -> Cost:
    """What a photo that waits costs the workers, from the end of the first batch on."""
    with _stopped(site.workers):
        for _ in range(count):
            accept_photo(site.owner, SimpleUploadedFile("photo.jpg", site.photo))
        cpu = sum(processor_seconds(worker.pid) for worker in site.workers)
    wait_until(_all_done, "all photos are done", seconds=_PATIENCE)
    cpu = sum(processor_seconds(worker.pid) for worker in site.workers) - cpu
    ends = sorted(one.finished_at for one in Prediction.objects.all() if one.finished_at)
    first = _BATCH * len(site.workers)
    wall = (ends[-1] - ends[first - 1]).total_seconds() / (count - first)
    Photo.objects.all().delete()
    return Cost(wall, cpu / count)


@contextlib.contextmanager
def _stopped(workers: Sequence[Process]) -> Iterator[None]:
    """The workers do nothing inside the block."""

    for worker in workers:
        worker.signal_group(signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            worker.signal_group(signal.SIGCONT)


def _kept(site: Site) -> bytes:
    """The photo as the web keeps it."""
    prediction = accept_photo(site.owner, SimpleUploadedFile("photo.jpg", site.photo))
    wait_until(_all_done, "a photo is done", seconds=_PATIENCE)
    with prediction.photo.image.open("rb") as file:
        kept: bytes = file.read()
    prediction.photo.delete()
    return kept


def _large_photo() -> bytes:
    """A JPEG of just under 15 MB and 12 megapixels, as noisy as that takes."""
    pixels = np.random.default_rng(0).integers(0, 256, (3024, 4032, 3), np.uint8)
    image = Image.fromarray(pixels)
    for quality in range(95, 5, -2):
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality)
        if data.tell() <= _LARGE_BYTES:
            return data.getvalue()
    raise ValueError("Noise does not compress so far.")


def _percentile(ordered: Sequence[float], share: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def _all_done() -> bool:
    return not Prediction.objects.exclude(status__in=(Status.DONE, Status.FAILED)).exists()


@contextlib.contextmanager
def running_site(photo: bytes, photos: int, workers: int) -> Iterator[Site]:
    data = Path(_scratch.name)
    with Stack(data, logs=data) as stack:
        stack.start_redis()
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        stack.manage("register_starter")
        user = User.objects.create_user("ann")
        _, key = AuthToken.objects.create(user)
        started = [stack.start_worker("-n", f"{n}@%h") for n in range(workers)]
        stack.start_beat()
        web, url = stack.start_web(processes=2)
        served = ModelServer(load_pipeline).current()
        if served is None:
            raise RuntimeError("No model serves.")
        owner = Owner(user_id=user.pk)
        site = Site(url, key, owner, photo, web, started, served.estimator, photos)
        site.send(photo, wait=60)
        yield site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--photos", type=int, default=500, help="that wait")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    photo = options.photo.read_bytes() if options.photo else public_portrait()
    with running_site(photo, options.photos, options.workers) as site:
        report = {}
        for name in options.trials:
            report[name] = rounded(TRIALS[name](site))
            if not options.json:
                _print(name, report[name])
    if options.json:
        print(json.dumps(report))  # noqa: T201


def _print(name: str, figures: dict[str, Any]) -> None:
    print(f"## {name}")  # noqa: T201
    for what, figure in figures.items():
        print(f"- {what}: {figure}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
