"""Two versions of FaceRoute measured in one run, in turn: this checkout and a revision of git.

    .venv/bin/python tools/compare_versions.py e8f71bc [--json] [--rounds N] [--starts N]
        [--portrait FILE] [--group FILE] [--medium FILE] [--large FILE]

The other revision is checked out into a temporary folder and runs in this environment. Measured
are photos on each version's own way from bytes to estimates, uploads until they are stored and
queued (processor seconds of every process that takes part), and a worker from its start to its
first result, with the memory (PSS) of all its processes. Ratios are of this version to the other;
below one this one is cheaper. Without files the photos are made of a public-domain portrait. Linux.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from faceroute_site import embedded_redis  # noqa: E402
from tests.processes import free_port  # noqa: E402
from tools.driven import Driven  # noqa: E402
from tools.family import memory, processor_seconds  # noqa: E402
from tools.photos import add_photo_options, chosen_photos  # noqa: E402
from vision.benchmark.timing import Cost, Timing, alternated, rounded  # noqa: E402

_PATIENCE = 120.0  # seconds


class Version:
    """One checkout with a data folder of its own, and a process in it that does as it is asked."""

    def __init__(self, name: str, code: Path, data: Path, redis: str) -> None:
        self.name, self.code = name, code
        data.mkdir()
        self.environment = {
            **os.environ,
            "FACEROUTE_DATA_DIR": str(data),
            "FACEROUTE_PHOTOS_PER_HOUR": "1000000",
            "REDIS_URL": redis,
        }
        self.environment.pop("DATABASE_URL", None)
        self._log = data / "log"
        self.manage("migrate", "--verbosity", "0")
        self.manage("register_starter")
        self.driver = Driven(
            [sys.executable, str(ROOT / "tools" / "version_driver.py")],
            folder=code,
            environment=self.environment,
            log=self._log,
        )

    def manage(self, *arguments: str) -> None:
        if self._start("manage.py", *arguments).wait():
            raise SystemExit(f"{self.name} failed at {arguments[0]}:\n{self._log.read_text()}")

    def worker_start(self, photo: Path) -> tuple[Cost, float]:
        """A worker from its start until a photo that waits is done; then the MB it holds."""
        self.driver.ask("forget")
        (prediction,) = self.driver.ask("store", photo=str(photo), times=1)
        wall = time.perf_counter()
        worker = self._start(*self.driver.ask("worker_command")[1:])
        try:
            while self.driver.ask("status", prediction=prediction) != "done":
                if time.perf_counter() - wall > _PATIENCE or worker.poll() is not None:
                    raise SystemExit(f"No worker of {self.name} works: see {self._log}.")
                time.sleep(0.02)
            cost = Cost(time.perf_counter() - wall, processor_seconds(worker.pid))
            time.sleep(2)
            return cost, memory(worker.pid)
        finally:
            worker.terminate()
            worker.wait(60)

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.code,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@dataclass(frozen=True)
class Compared:
    """The two versions, this one first, and the photos that both are given."""

    versions: tuple[Version, Version]
    photos: dict[str, Path]
    rounds: int

    def costs(self, what: str, **arguments: Any) -> dict[str, Any]:
        measures = {one.name: one.driver.timed(what, **arguments) for one in self.versions}
        timings = alternated(measures, self.rounds)
        for one in self.versions:
            one.driver.ask("forget")
        return self._told(timings)

    def starts(self, count: int) -> dict[str, Any]:
        taken: dict[str, list[tuple[Cost, float]]] = {one.name: [] for one in self.versions}
        for _ in range(count):
            for one in self.versions:
                taken[one.name].append(one.worker_start(self.photos["portrait"]))
        timings = {name: Timing(tuple(cost for cost, _ in all_)) for name, all_ in taken.items()}
        memories = {name: min(mb for _, mb in all_) for name, all_ in taken.items()}
        mine, other = memories.values()
        return {
            "worker_first_result": self._told(timings),
            "worker_memory_mb": {**memories, "ratio": mine / other},
        }

    @staticmethod
    def _told(timings: dict[str, Timing]) -> dict[str, Any]:
        mine, other = timings.values()
        costs = {name: timing.as_json() for name, timing in timings.items()}
        return {**costs, "ratio": mine.to(other)}


def compare(compared: Compared, starts: int) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for kind, photo in compared.photos.items():
        report[f"estimate_{kind}"] = compared.costs("estimate", photos=[str(photo)])
        report[f"store_{kind}"] = compared.costs("store", photo=str(photo))
    if starts:
        report |= compared.starts(starts)
    checked: dict[str, Any] = rounded(report)
    return checked


@contextlib.contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """A worktree of the revision, gone afterwards."""
    code = folder / "checkout"
    git = ("git", "-C", str(ROOT), "worktree")
    subprocess.run([*git, "add", "--quiet", "--detach", str(code), revision], check=True)
    try:
        yield code
    finally:
        subprocess.run([*git, "remove", "--force", str(code)], check=True)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis on a free port, which takes both versions' messages; its URL without a database."""
    port = free_port()
    options = ("--port", str(port), "--save", "", "--dir", str(folder), "--loglevel", "warning")
    command = [embedded_redis.executable(), *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def print_table(report: dict[str, Any], names: tuple[str, str]) -> None:
    mine, other = names
    print(f"| | {mine}: wall, processor (ms) | {other} | ratio of wall | ratio of processor |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for what, costs in report.items():
        ratio = costs["ratio"]
        if isinstance(ratio, float):
            print(f"| {what} | {costs[mine]} | {costs[other]} | {ratio:.2f} | |")  # noqa: T201
            continue
        cells = [
            f"{costs[name]['wall_ms']['median']:.0f}, {costs[name]['cpu_ms']['median']:.0f}"
            for name in names
        ]
        cells += [
            f"{of['median']:.2f} ({of['low']:.2f} to {of['high']:.2f})"
            for of in (ratio["wall"], ratio["cpu"])
        ]
        print("|", " | ".join([what, *cells]), "|")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", help="a revision of git since e8f71bc")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=3, help="how often workers are started")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_photo_options(parser)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="faceroute-versions-"))
        )
        redis = stack.enter_context(redis_server(folder))
        code = stack.enter_context(checked_out(options.revision, folder))
        names = "this", str(options.revision)
        versions = (
            Version(names[0], ROOT, folder / "this", f"{redis}/0"),
            Version(names[1], code, folder / "other", f"{redis}/1"),
        )
        for version in versions:
            stack.callback(version.driver.close)
        compared = Compared(versions, chosen_photos(folder, options), options.rounds)
        report = compare(compared, options.starts)
    if options.json:
        print(json.dumps(report))  # noqa: T201
    else:
        print_table(report, names)


if __name__ == "__main__":
    main()
