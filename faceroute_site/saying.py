"""What is said on standard output. Whoever speaks does not wait for anybody to read it."""

import atexit
import errno
import os
import queue
import select
import signal
import threading
import time
from functools import cache

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_NAME_WIDTH = 9
_LINES = 5000  # that wait while nobody takes them, as after Ctrl-S or in `less`
_LAST_WORDS = 2.0  # seconds for what is still to be said when this process ends
_GONE = {errno.EPIPE, errno.EIO}  # of a pipe that nobody reads, of a terminal that was closed


def say(name: str, text: str) -> None:
    """Print a line on behalf of a program.

    Where nobody will ever read it, this process is asked to stop; it goes on in silence if it was
    told to outlive its terminal, as by nohup.
    """
    _voice().say(f"{name:<{_NAME_WIDTH}}| {text}\n")


def outlives_terminal() -> bool:
    """Whether this process was started to go on when its terminal is closed."""
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


class Terminal:
    """The terminal that this process was started in, if any."""

    def __init__(self) -> None:
        self._poll = select.poll()
        for descriptor in (_STDIN, _STDOUT, _STDERR):
            if os.isatty(descriptor):
                self._poll.register(descriptor, 0)  # tells of nothing but its end

    def is_gone(self) -> bool:
        """Whether it was closed. The kernel sends SIGHUP to its first process (make) alone."""
        return bool(self._poll.poll(0))


class _Voice:
    """A thread that writes lines, and keeps some of them while it cannot."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue(_LINES)
        self._left_out = 0
        threading.Thread(target=self._speak, daemon=True).start()
        atexit.register(self._finish)

    def say(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def _speak(self) -> None:
        while True:
            line = self._lines.get()
            _write(line)
            if self._left_out and self._lines.empty():
                _write(f"({self._left_out} lines were left out while nobody read them.)\n")
                self._left_out = 0
            self._lines.task_done()

    def _finish(self) -> None:
        deadline = time.monotonic() + _LAST_WORDS
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)


@cache
def _voice() -> _Voice:
    return _Voice()


def _write(line: str) -> None:
    """Write to standard output; a line for which a full disk has no room is lost."""
    rest = line.encode(errors="replace")
    try:
        while rest:
            rest = rest[os.write(_STDOUT, rest) :]
    except OSError as error:
        if error.errno in _GONE:
            _fall_silent()


def _fall_silent() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (_STDOUT, _STDERR):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    if not outlives_terminal():
        os.kill(os.getpid(), signal.SIGTERM)
