"""What has to be true after the trial, each with what was found."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from tests.processes import wait_until

from .clients import ask
from .site import SECOND, Site
from .table import rows
from .trial import Course

SETTLED_WITHIN = 60.0  # seconds
ANSWERED_WITHIN = 10.0  # seconds, beside those that a frozen part keeps everybody waiting


class Finding(NamedTuple):
    what: str
    holds: bool
    found: str


def findings(site: Site, course: Course, photos: int, down: float) -> Iterator[Finding]:
    yield from _on_photos(site, course, photos)
    yield from _on_answers(course, ANSWERED_WITHIN + down)
    longest = max(course.settled.values())
    yield Finding(
        f"settled within {SETTLED_WITHIN:.0f} s of the last repair",
        longest <= SETTLED_WITHIN,
        ", ".join(f"{how}: {seconds:.1f} s" for how, seconds in course.settled.items()),
    )
    machines = {worker.name for worker in site.workers}
    found = f"{len(course.worked)} of {len(machines)}"
    yield Finding("every inference machine has worked", course.worked == machines, found)
    found = f"after {course.activated:.1f} s" if course.activated is not None else "never"
    yield Finding("the new version serves everywhere", course.activated is not None, found)
    states = {url: _readiness(url) for url in site.urls}
    yield Finding("every web machine is ready", set(states.values()) == {"ok"}, str(states))


def _on_photos(site: Site, course: Course, photos: int) -> Iterator[Finding]:
    accepted = course.notes.accepted
    yield Finding("every photo is accepted", len(accepted) == photos, f"{len(accepted)}")
    ids = {one for given in accepted.values() for one in given}
    outcomes = rows(
        site.database, "SELECT id::text, status, failure_code FROM predictions_prediction"
    )
    twice = [key for key, given in accepted.items() if len(given) > 1]
    yield Finding(
        "none is there twice",
        not twice and len(outcomes) == len(ids) == len(accepted),
        f"{len(outcomes)} predictions of {len(ids)} accepted, {len(twice)} keys with two",
    )
    done = [one for one, status, _ in outcomes if status == "done"]
    # Every photo is one that can be estimated; one that was on two workers that failed is given up.
    failed = [one for one, status, code in outcomes if status == "failed" and code == "worker_lost"]
    others = sorted({code for _, status, code in outcomes if code and code != "worker_lost"})
    yield Finding(
        "accepted = done + failed with their workers",
        ids == {*done, *failed},
        f"{len(done)} done, {len(failed)} failed with their workers, others {others}",
    )
    shown = sum(_is_shown(site, number, one) for number, one in enumerate(done))
    yield Finding(
        "every result and its photo are there at the other web machine too",
        shown == len(done),
        f"{shown}",
    )
    served = rows(
        site.database,
        "SELECT v.name, count(*) FROM predictions_prediction p"
        " JOIN training_modelversion v ON v.id = p.model_version_id GROUP BY v.name ORDER BY 1",
    )
    versions = {str(name): int(count) for name, count in served}
    yield Finding("both versions have served", {SECOND} < set(versions), f"{versions}")


def _on_answers(course: Course, longest: float) -> Iterator[Finding]:
    statuses = course.notes.statuses
    told = ", ".join(f"{status or 'none'}: {n}" for status, n in sorted(statuses.items()))
    unexpected = "".join(f"\n  {one}" for one in course.notes.unexpected[:10])
    yield Finding("no answer is an error, but for 503", not unexpected, told + unexpected)
    slowest = course.notes.slowest.seconds if course.notes.slowest else 0.0
    what = f"no answer takes over {longest:.0f} s"
    yield Finding(what, slowest <= longest, f"the slowest {slowest:.1f} s")


def _is_shown(site: Site, number: int, prediction: str) -> bool:
    """Whether one machine shows the result with its face, and another the photo."""
    headers = {"Authorization": f"Bearer {site.key}"}
    here, there = (site.urls[(number + n) % len(site.urls)] for n in range(2))
    address = f"/api/v1/predictions/{prediction}/"
    result = ask("a result", f"{here}{address}", headers)
    photo = ask("a photo", f"{there}{address}photo/", headers)
    if (result.status, photo.status) != (200, 200):
        return False
    return len(json.loads(result.body)["faces"]) == 1 and photo.body.startswith(b"\xff\xd8")


def _readiness(url: str) -> str:
    """What it says of itself, within the time that everything has to settle."""

    def is_ok() -> bool:
        return ask("readiness", f"{url}/readyz", {}).status == 200 and said() == "ok"

    def said() -> str:
        return str(json.loads(ask("readiness", f"{url}/readyz", {}).body)["status"])

    try:
        wait_until(is_ok, "it is ready", seconds=SETTLED_WITHIN)
    except AssertionError:
        return ask("readiness", f"{url}/readyz", {}).body.decode(errors="replace")
    return "ok"
