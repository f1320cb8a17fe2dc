"""The trial: photos are sent while every part of the site fails in turn, in every way."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg
from PIL import Image

from tests.processes import wait_until
from tools.photos import public_portrait

from .clients import Notes, Senders
from .parts import Harm, Part
from .site import SECOND, Site, activate_second_version, register_second_version
from .table import Watch, open_work

CLIENTS = 8
_BEFORE = 0.4  # seconds from handing photos out to the failure: some are under way by then
DOWN = 5.0  # seconds that a part stays as it is
_AFTER = 2.0  # seconds from its being up again to the next failure
_PATIENCE = 180.0  # seconds; whoever is not done by then is given up


@dataclass
class Course:
    """What happened. `settled`: seconds from the last repair until nothing waited, of each way to
    fail. `activated`: seconds until every inference machine served the new version."""

    notes: Notes = field(default_factory=Notes)
    troubles: list[tuple[str, Harm]] = field(default_factory=list)
    settled: dict[Harm, float] = field(default_factory=dict)
    activated: float | None = None
    worked: set[str] = field(default_factory=set)


def undergo(
    site: Site, folder: Path, photos: int, down: float, tell: Callable[[str], None]
) -> Course:
    """Send `photos` photos while each part of the site is killed, stopped and frozen in turn, for
    `down` seconds each."""
    course, watch = Course(), Watch(site.database, site.workers)
    senders = Senders(site.urls, site.key, course.notes)
    shares = _shares(photos, len(Harm) * len(site.parts))
    register_second_version(site, folder / "bundle")
    with watch.looking(), senders.at_work(CLIENTS):
        for number, how in enumerate(Harm):
            for part in site.parts:
                tell(f"{part.name} is {how}.")
                senders.hand_out(next(shares))
                repaired = _fail(part, how, down)
                course.troubles.append((part.name, how))
            course.settled[how] = _settle(site, senders, repaired)
            tell(f"Settled {course.settled[how]:.1f} s after the last repair.")
            if number == 0:
                course.activated = _activate(site, watch)
                tell(f"The second version serves everywhere after {course.activated:.1f} s.")
    course.worked = watch.worked
    return course


def _fail(part: Part, how: Harm, down: float) -> float:
    """Take a part down and bring it back; when (monotonic, s) it was brought back."""
    time.sleep(_BEFORE)
    part.harm(how)
    time.sleep(down)
    repaired = time.monotonic()
    part.repair(how)
    part.wait_until_up()
    time.sleep(_AFTER)
    return repaired


def _settle(site: Site, senders: Senders, repaired: float) -> float:
    """Wait until everything is accepted and done or failed; the seconds from the repair on."""

    def is_settled() -> bool:
        try:
            return senders.are_idle() and open_work(site.database) == 0
        except psycopg.Error:
            return False

    wait_until(is_settled, "nothing waits any more", seconds=_PATIENCE)
    return time.monotonic() - repaired


def _activate(site: Site, watch: Watch) -> float:
    begun, machines = time.monotonic(), {worker.name for worker in site.workers}
    activate_second_version(site)
    serving = dict.fromkeys(machines, SECOND)
    wait_until(lambda: watch.versions() == serving, "all serve the version", seconds=_PATIENCE)
    return time.monotonic() - begun


def _shares(photos: int, number: int) -> Iterator[dict[int, bytes]]:
    """So many photos of their own, in shares that differ by one at most."""
    made = _photos(photos)
    for share in range(number):
        yield dict(next(made) for _ in range(photos // number + (share < photos % number)))


def _photos(number: int) -> Iterator[tuple[int, bytes]]:
    """One portrait, of which no two files are alike."""
    portrait = Image.open(io.BytesIO(public_portrait())).resize((320, 320))
    for each in range(number):
        pixels = np.array(portrait)
        pixels[0, :16] = [[255 * (each >> bit & 1)] * 3 for bit in range(16)]
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "JPEG", quality=90)
        yield each, data.getvalue()
