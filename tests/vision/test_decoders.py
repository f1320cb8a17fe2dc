"""Photos opened in processes of their own: what happens to one happens to it alone."""

import io
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
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
from vision.photos.preparing import Limits, prepare

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


def started(parent: int) -> list[int]:
    wait_until(lambda: bool(children(parent)), "a decoder is at work")
    return children(parent)


def test_a_photo_comes_back_as_it_is_kept(decoders: Decoders) -> None:
    sent = encoded(quarters(), "JPEG", quality=95)
    assert decoders.prepare(sent, LIMITS) == prepare(sent, LIMITS)


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
        doomed = threads.submit(decoders.prepare, BOMB, LIMITS)
        os.kill(started(parent)[0], signal.SIGSEGV)
        with pytest.raises(PhotoUnreadable, match="brought down the program"):
            doomed.result()
    assert decoders.prepare(SMALL, LIMITS).width == 60


def test_a_parent_that_was_killed_is_replaced(decoders: Decoders) -> None:
    os.kill(parent_of(decoders), signal.SIGKILL)
    assert decoders.prepare(SMALL, LIMITS).width == 60


def test_large_photos_are_opened_one_at_a_time_and_small_ones_meanwhile(tmp_path: Path) -> None:
    """Also where two processes of the web share the machine."""
    several = [Decoders(tmp_path / "lock"), Decoders(tmp_path / "lock")]
    alone = seconds(lambda: several[0].prepare(BOMB, LIMITS))
    with ThreadPoolExecutor() as threads:
        begun = time.monotonic()
        large = [threads.submit(decoders.prepare, BOMB, LIMITS) for decoders in several * 2]
        small = seconds(lambda: several[0].prepare(SMALL, LIMITS))
        for one in large:
            one.result()
        together = time.monotonic() - begun
    for decoders in several:
        decoders.close()
    assert together > 2.5 * alone
    assert small < together / 3


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def test_no_decoder_outlives_who_started_it(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    with ThreadPoolExecutor() as threads:
        at_work = threads.submit(decoders.prepare, BOMB, LIMITS)
        [child] = started(parent)
        assert decoders._parent
        decoders._parent.control.shutdown(socket.SHUT_RDWR)  # as where its owner is killed
        wait_until(lambda: not is_running(child), "the decoder is gone", seconds=2)
        at_work.exception()


def test_memory_is_given_back(decoders: Decoders) -> None:
    parent = parent_of(decoders)
    decoders.prepare(BOMB, LIMITS)
    wait_until(lambda: not children(parent), "the photo's process is gone")
    rollup = Path(f"/proc/{parent}/smaps_rollup").read_text()
    [resident] = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:")]
    assert resident < 100 * 1024  # kB
