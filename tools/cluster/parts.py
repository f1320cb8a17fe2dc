"""What a site on many machines is made of, each part of which can fail and come back."""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from tests.processes import Process, Stack, descendants, wait_until
from tests.tcp_proxy import TcpProxy, Trouble

_GRACE = 30.0  # seconds a program gets to stop before it is killed


class Harm(StrEnum):
    KILLED = "killed"  # SIGKILL
    STOPPED = "stopped"  # asked to stop, as a service manager does
    FROZEN = "frozen"  # SIGSTOP; SIGCONT brings it back


class Part(Protocol):
    """Whatever fails as a whole."""

    @property
    def name(self) -> str: ...

    def harm(self, how: Harm) -> None:
        """Take it down."""

    def repair(self, how: Harm) -> None:
        """Bring it back from what was done to it; it may need a while to be up."""

    def wait_until_up(self) -> None:
        """Raises AssertionError with the end of its log where it does not come up."""


class Programs:
    """The programs of one machine, which fail together.

    `commands`: their command lines, by name. `is_up` tells whether all of them do their work.
    `stop_signal` is what a service manager would send them to stop.
    """

    def __init__(
        self,
        name: str,
        stack: Stack,
        commands: Mapping[str, Sequence[str]],
        is_up: Callable[["Programs"], bool],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.stack = stack
        self.running: dict[str, Process] = {}
        self._commands = commands
        self._is_up = is_up
        self._stop_signal = stop_signal

    def start(self) -> None:
        for name, command in self._commands.items():
            self.running[name] = self.stack.start(f"{self.name}-{name}", *command)

    def wait_until_up(self) -> None:
        first = next(iter(self.running.values()))
        wait_until(lambda: self._is_up(self), f"{self.name} is up", first)

    def harm(self, how: Harm) -> None:
        match how:
            case Harm.KILLED:
                self._kill()
            case Harm.STOPPED:
                for process in self.running.values():
                    process.popen.send_signal(self._stop_signal)
                for process in self.running.values():
                    with contextlib.suppress(Exception):
                        process.popen.wait(_GRACE)
                self._kill()
            case Harm.FROZEN:
                for pid in self.pids():
                    _send(pid, signal.SIGSTOP)

    def repair(self, how: Harm) -> None:
        if how != Harm.FROZEN:
            self.start()
            return
        for pid in reversed(self.pids()):
            _send(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """Of every process of the machine, parents before their children."""
        return [
            pid
            for process in self.running.values()
            for pid in (process.pid, *descendants(process.pid))
        ]

    def _kill(self) -> None:
        for process in self.running.values():
            process.kill_with_descendants()


class Store:
    """The stand-in for S3, behind a proxy that does to it what was to be done to its process.

    It keeps what it stores in memory, so that its process must live.
    """

    name = "s3"
    _TROUBLES = {
        Harm.KILLED: Trouble.RESET,
        Harm.STOPPED: Trouble.REFUSED,
        Harm.FROZEN: Trouble.FROZEN,
    }

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy

    def harm(self, how: Harm) -> None:
        self._proxy.trouble = self._TROUBLES[how]

    def repair(self, _how: Harm) -> None:
        self._proxy.trouble = Trouble.NONE

    def wait_until_up(self) -> None:
        """It is at once."""


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
