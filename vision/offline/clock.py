"""The budget of time on a borrowed machine, and what is said of it.

The standard library alone: what is here runs before anything is installed, and while a device that
does not answer is asked for.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..diskspace import DiskFull, full_disk_in_words

RESULT, LOG = "result.json", "log.txt"


class Clock:
    """The seconds of a budget: `total` in all, of which earlier calls with the same `folder` have
    spent some. `started` is when this one began, a time of `time.monotonic`."""

    def __init__(self, folder: Path, total: float, started: float) -> None:
        self._file = folder / "spent.txt"
        self._before = float(self._file.read_text()) if self._file.exists() else 0.0
        self._started = started
        self.total = total
        self.end = started + total - self._before

    @property
    def spent(self) -> float:
        return self._before + time.monotonic() - self._started

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def watch(self, over: Callable[[], int]) -> None:
        """From now on, write down every second what is spent, and end the process with the clock,
        should anything keep it longer, with the exit status that `over` gives."""

        def keep_time() -> None:
            while self.left > 0:
                self._note()
                time.sleep(max(min(self.left, 1.0), 0.0))
            self._note()
            status = 1
            try:
                status = over()
            finally:  # a full disk does not keep it either
                os._exit(status)

        threading.Thread(target=keep_time, daemon=True).start()

    def _note(self) -> None:
        unfinished = self._file.with_suffix(".unfinished")
        with suppress(OSError):
            unfinished.write_text(str(self.spent))
            unfinished.replace(self._file)


class Log:
    """What happened, a line each: printed, and then kept in the folder that comes back, as long as
    there is room on the disk."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def __call__(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        try:
            with full_disk_in_words():
                self._out.mkdir(parents=True, exist_ok=True)
                with (self._out / LOG).open("a") as file:
                    file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        except DiskFull:
            sys.stderr.write(f"The disk is full: the line above is not in {LOG}.\n")


def time_is_over(out: Path, log: Log) -> int:
    """Say so, and what that means; the exit status. What is on disk is whole."""
    if (out / RESULT).exists():
        log("The time is over; what is written so far is the result.")
        return 0
    log(
        "The time is over, and there is no result yet. The same command with more --minutes goes "
        "on."
    )
    return 1
