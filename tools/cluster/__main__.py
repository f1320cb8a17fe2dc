"""A site on many machines, all of which fail: a trial on one host, in separate folders.

    make cluster-test
    .venv/bin/python -m tools.cluster [--photos N] [--down SECONDS] [--json]

PostgreSQL and Redis are Debian's, the S3-compatible store is moto's server as a stand-in, and the
machines (two for the web, three for inference, one for training and the schedule) share nothing
but these. Eight clients send photos through both web addresses while each part is killed, stopped
and frozen in turn, for so many seconds each; half-way another version is activated. What has to be
true afterwards is listed, and the exit status is 1 where something is not; 0 with a sentence where
a program is missing. With --json the last line on standard output is one JSON document, and what
people read goes to standard error. Where something was not true, logs and folders are kept. Linux;
some minutes.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .site import Lacking, running_site
from .trial import CLIENTS, DOWN, Course, undergo
from .verdict import Finding, findings


@dataclass(frozen=True)
class Report:
    course: Course
    findings: list[Finding]
    seconds: float

    @property
    def holds(self) -> bool:
        return all(finding.holds for finding in self.findings)

    def as_text(self) -> str:
        lines = [
            f"{'ok  ' if holds else 'NOT '} {what} ({found})"
            for what, holds, found in self.findings
        ]
        slowest = self.course.notes.slowest
        if slowest:
            lines.append(f"The slowest answer took {slowest.seconds:.1f} s: {slowest.what}.")
        failures = len(self.course.troubles)
        lines.append(f"{failures} failures, {CLIENTS} clients, {self.seconds:.0f} s in all.")
        return "\n".join(lines)

    def as_json(self) -> str:
        slowest = self.course.notes.slowest
        return json.dumps(
            {
                "holds": self.holds,
                "findings": [finding._asdict() for finding in self.findings],
                "troubles": self.course.troubles,
                "settled_seconds": self.course.settled,
                "activated_seconds": self.course.activated,
                "answers": dict(self.course.notes.statuses),
                "slowest_seconds": slowest.seconds if slowest else None,
                "seconds": self.seconds,
            }
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--down", type=float, default=DOWN, help="seconds that each failure lasts")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    people = sys.stderr if options.json else sys.stdout
    folder = Path(tempfile.mkdtemp(prefix="faceroute-cluster-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own

    def tell(what: str) -> None:
        print(what, file=people, flush=True)

    try:
        report = _tried(folder, options.photos, options.down, tell)
    except Lacking as lacking:
        shutil.rmtree(folder)
        tell(f"SKIPPED, nothing was tried. {lacking}")
        return 0
    tell(report.as_text())
    if options.json:
        print(report.as_json())  # noqa: T201
    if report.holds:
        shutil.rmtree(folder)
        return 0
    tell(f"Logs and data are in {folder}.")
    return 1


def _tried(folder: Path, photos: int, down: float, tell: Callable[[str], None]) -> Report:
    begun = time.monotonic()
    tell("A site on six machines is started; S3 is moto's server, a stand-in.")
    with running_site(folder) as site:
        course = undergo(site, folder, photos, down, tell)
        found = list(findings(site, course, photos, down))
    return Report(course, found, time.monotonic() - begun)


if __name__ == "__main__":
    sys.exit(main())
