"""A line of progress for people, on the error stream, where there is a terminal."""

import sys
import time

_EVERY = 0.2  # seconds


class ProgressLine:
    """Called as runs report: phase, done, total. Writes one line over and over."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or not sys.stderr.isatty()
        self._started = time.monotonic()
        self._phase = ""
        self._written_at = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._quiet or (done < total and now - self._written_at < _EVERY):
            return
        if phase != self._phase:
            self._phase, self._started = phase, now
            sys.stderr.write("\n")
        self._written_at = now
        left = (now - self._started) * (total - done) / done if done else 0.0
        share = f"{done} of {total}, {left:.0f} s left" if total else "…"
        sys.stderr.write(f"\r\033[K{phase}: {share}")
        sys.stderr.flush()
