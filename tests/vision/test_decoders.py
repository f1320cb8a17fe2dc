"""Photos opened in processes of their own: what happens to one happens to it alone."""

import contextlib
import fcntl
import io
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.processes import children, is_running, wait_until
from tests.vision.pictures import encoded, quarters
from vision.errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported, PhotoUnreadable
from vision.photos.decoders import Decoders
from vision.photos.decoding import crop_face
from vision.photos.preparing import Limits, prepare
from vision.types import Box

LIMITS = Limits(bytes=15 * 2**20, pixels=50_000_000)
SMALL = encoded(quarters(), "PNG")
BOMB = encoded(Image.new("RGBA", (7000, 7000)), "PNG")  # 0.2 MB


@pytest.fixture
def decoders(tmp_path: Path) -> Iterator[Decoders]:
    decoders = Decoders(tmp_path / "lock")
    yield decoders
    decoders.close()


def parent_of(decoders: Decoders) -> int:
    """The process that forks; it is started by the first photo."""
    decoders.prepare(SMALL, LIMITS)
    assert decoders._parent
    return decoders._parent.process.pid


def spare_of(parent: int) -> int:
    """The process that waits for the next photo, once the others are gone."""

    wait_until(lambda: len(waiting(parent)) == len(children(parent)) == 1, "one process waits")
    [spare] = waiting(parent)
    return spare


def waiting(parent: int, *but: int) -> list[int]:
    return [child for child in children(parent) if child not in but and state(child) == "S"]


def state(pid: int) -> str:
    """As the kernel calls it: S where it sleeps."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def resident(pid: int) -> int:
    """Megabytes of memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def wait_until_at_work(pid: int) -> None:
    """Until it has begun to open BOMB."""
    wait_until(lambda: resident(pid) > 150, "a decoder is at work")


def test_a_photo_comes_back_as_it_is_kept(decoders: Decoders) -> None:
    sent = encoded(quarters(), "JPEG", quality=95)
    assert decoders.prepare(sent, LIMITS) == prepare(sent, LIMITS)


def test_a_face_is_cut_out_as_it_is_here(decoders: Decoders) -> None:
    box = Box(10, 10, 20, 20)
    assert decoders.crop_face(SMALL, box, LIMITS) == crop_face(SMALL, box)
    with pytest.raises(PhotoUnreadable):
        decoders.crop_face(SMALL[:60], box, LIMITS)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"hello", PhotoTypeUnsupported, "JPEG, PNG"),
        (SMALL[:60], PhotoUnreadable, "damaged"),
        (encoded(Image.new("L", (1, 999)), "PNG"), PhotoTooLarge, "100 times as long"),
        (encoded(Image.new("L", (70_000, 701)), "PNG"), PhotoTooLarge, "65500 pixels a side"),
        (encoded(Image.new("L", (10_000, 5001)), "PNG"), PhotoTooLarge, "50 megapixels"),
    ],
)
def test_refusals_say_why(
    decoders: Decoders, data: bytes, kind: type[PhotoError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        decoders.prepare(data, LIMITS)


def test_what_needs_too_much_memory_is_refused_in_words(decoders: Decoders) -> None:
    with pytest.raises(PhotoTooLarge, match="more than 100 MB of memory"):
        decoders.prepare(BOMB, replace(LIMITS, memory=100 * 2**20))
    assert decoders.prepare(SMALL, LIMITS).width == 60


@pytest.mark.parametrize("short", [{"cpu_seconds": 1}, {"seconds": 1}])
def test_what_takes_too_long_is_ended_and_refused_in_words(
    decoders: Decoders, short: dict[str, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4900, 10_000, 3), np.uint8)
    slow = io.BytesIO()
    Image.fromarray(noise).save(slow, "WEBP", method=0, quality=30)
    begun = time.monotonic()
    with pytest.raises(PhotoTooLarge, match="takes longer than"):
        decoders.prepare(slow.getvalue(), replace(LIMITS, bytes=2**28, **short))
    assert time.monotonic() - begun < 8


def test_a_decoder_that_dies_takes_no_other_photo_along(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    with ThreadPoolExecutor() as threads:
        child = spare_of(parent)
        doomed = threads.submit(decoders.prepare, BOMB, LIMITS)
        wait_until_at_work(child)
        os.kill(child, signal.SIGSEGV)
        with pytest.raises(PhotoUnreadable, match="brought down the program"):
            doomed.result()
    assert decoders.prepare(SMALL, LIMITS).width == 60


def test_a_parent_that_was_killed_is_replaced(decoders: Decoders) -> None:
    os.kill(parent_of(decoders), signal.SIGKILL)
    assert decoders.prepare(SMALL, LIMITS).width == 60


def test_large_photos_are_opened_one_at_a_time_and_small_ones_meanwhile(
    decoders: Decoders, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as held, ThreadPoolExecutor() as threads:
        fcntl.flock(held, fcntl.LOCK_EX)  # as another process of the machine that opens one
        large = threads.submit(decoders.prepare, BOMB, LIMITS)
        assert decoders.prepare(SMALL, LIMITS).width == 60
        with pytest.raises(TimeoutError):
            large.result(timeout=3)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert large.result().width == 7000


def test_no_decoder_outlives_who_started_it(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    with ThreadPoolExecutor() as threads:
        child = spare_of(parent)
        at_work = threads.submit(decoders.prepare, BOMB, LIMITS)
        wait_until_at_work(child)
        assert decoders._parent
        decoders._parent.control.shutdown(socket.SHUT_RDWR)  # as where its owner is killed
        wait_until(lambda: not is_running(child), "the decoder is gone", seconds=2)
        at_work.exception()


def test_memory_is_given_back(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    decoders.prepare(BOMB, LIMITS)
    assert resident(parent) < 100
    assert resident(spare_of(parent)) < 100


def descriptors_of(pid: int) -> set[int]:
    """But for those of standard input, output and errors."""
    return {int(link.name) for link in Path(f"/proc/{pid}/fd").iterdir()} - {0, 1, 2}


def test_each_photo_has_a_process_of_its_own_which_was_ready_before(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    spares = []
    for _ in range(3):
        spares.append(spare_of(parent))
        decoders.prepare(SMALL, LIMITS)
        wait_until(lambda: not is_running(spares[-1]), "that photo's process is gone")
    assert len(set(spares)) == 3


def test_more_photos_at_once_than_are_ready_for(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(lambda _: decoders.prepare(SMALL, LIMITS), range(40)))
    assert kept == [prepare(SMALL, LIMITS)] * 40
    spare_of(parent)


def test_a_process_that_is_killed_while_it_waits_is_replaced(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    killed = spare_of(parent)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not is_running(killed), "it is gone")
    assert spare_of(parent) != killed
    assert decoders.prepare(SMALL, LIMITS).width == 60


def test_who_opens_a_photo_holds_no_way_to_others(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    with ThreadPoolExecutor() as threads:
        other = spare_of(parent)
        held = threads.submit(decoders.prepare, BOMB, LIMITS)
        wait_until_at_work(other)
        decoders.prepare(SMALL, LIMITS)  # a spare follows that is forked while a photo is opened
        wait_until(lambda: len(waiting(parent, other)) == 1, "another one waits")
        [spare] = waiting(parent, other)
        assert len(descriptors_of(spare)) == 1  # by which its own job comes
        held.result()
