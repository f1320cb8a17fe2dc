"""A line of progress for people, on the error stream, where there is a terminal."""

import sys
import time

_EVERY = 0.2  # seconds
_BLANK = "\r\033[K"


class ProgressLine:
    """Called as runs report: phase, done, total. Writes one line over and over."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._in_place = not quiet and sys.stderr.isatty()
        self._started = time.monotonic()
        self._phase = ""
        self._done_before = 0  # by a run that was cut off and goes on
        self._written_at = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._in_place or (done < total and now - self._written_at < _EVERY):
            return
        if phase != self._phase:
            self._phase, self._started, self._done_before = phase, now, done
            sys.stderr.write("\n")
        self._written_at = now
        made = done - self._done_before
        left = f", {(now - self._started) * (total - done) / made:.0f} s left" if made else ""
        share = f"{done} of {total}{left}" if total else "…"
        sys.stderr.write(f"{_BLANK}{phase}: {share}")
        sys.stderr.flush()

    def line(self, text: str) -> None:
        """A line that stays, with or without a terminal."""
        if not self._quiet:
            sys.stderr.write(f"{_BLANK if self._in_place else ''}{text}\n")
            sys.stderr.flush()
