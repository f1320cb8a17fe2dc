"""A command in a terminal of its own, as somebody at a keyboard runs it."""

import os
import select
import subprocess
import threading
from pathlib import Path

from tests.processes import ROOT

_CTRL_C = b"\x03"


class Terminal:
    """Runs a command whose terminal is a pseudo-terminal; leaving the `with` block ends it."""

    def __init__(self, *command: str, environment: dict[str, str], cwd: Path = ROOT) -> None:
        self._keyboard, screen = os.openpty()
        self._shown = bytearray()
        self.popen = subprocess.Popen(
            # A shell that runs the tests in the background lets them ignore Ctrl-C; a terminal
            # starts its programs with the default.
            ["env", "--default-signal=INT,QUIT,HUP", "setsid", "--ctty", "--wait", *command],
            cwd=cwd,
            env=environment,
            stdin=screen,
            stdout=screen,
            stderr=screen,
        )
        os.close(screen)
        self._is_closed = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self._watching.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()  # its terminal goes with it, and so do the programs in it
            self.wait()

    def output(self) -> str:
        """What it has shown so far."""
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    def press_ctrl_c(self) -> None:
        os.write(self._keyboard, _CTRL_C)

    def close(self) -> None:
        """Its window is closed, or its connection lost."""
        self._is_closed.set()
        self._watching.join()
        os.close(self._keyboard)

    def wait(self, seconds: float = 60.0) -> int:
        """The exit status of the command; the terminal is closed then."""
        status = self.popen.wait(seconds)
        if not self._is_closed.is_set():
            self.close()
        return status

    def _watch(self) -> None:
        while True:
            ready, _, _ = select.select([self._keyboard], [], [], 0.1)
            if not ready and self._is_closed.is_set():
                return
            try:
                self._shown += os.read(self._keyboard, 65536) if ready else b""
            except OSError:  # Linux's way to say that nobody holds the other end any more
                return
