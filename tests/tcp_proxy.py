"""A TCP proxy that does to connections what networks and overloaded servers do."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

_CHUNK = 65536
_TICK = 0.05  # seconds within which a new state takes effect
_SLOW = 1.0  # seconds that a slow network takes for what is sent at once


class Trouble(StrEnum):
    NONE = "none"
    FROZEN = "frozen"  # connections stand, and nothing moves
    REFUSED = "refused"  # connections are closed, and new ones refused
    RESET = "reset"  # connections are reset, new ones too
    SLOW = "slow"
    HALF_OPEN = "half-open"  # connections stand here, and are dead beyond; new ones work


class TcpProxy:
    """Listens on `port` of this machine and passes everything on to another; inside `with`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._trouble = Trouble.NONE
        self._closed = threading.Event()
        self._links: list[_Link] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._thread.join()
        self._listener.close()
        self._drop_all()

    @property
    def trouble(self) -> Trouble:
        return self._trouble

    @trouble.setter
    def trouble(self, trouble: Trouble) -> None:
        if trouble == Trouble.HALF_OPEN:
            for link in self._links:
                link.dead = True
        self._trouble = trouble

    def _accept(self) -> None:
        while not self._closed.is_set():
            self._listen_or_refuse()
            if self._trouble in {Trouble.FROZEN, Trouble.REFUSED}:
                time.sleep(_TICK)  # the kernel still accepts for us while we are frozen
                continue
            self._listener.settimeout(_TICK)
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                if self._trouble == Trouble.RESET:
                    _reset(client)
                else:
                    self._links.append(_Link(self, client, self._target))

    def _listen_or_refuse(self) -> None:
        if self._trouble == Trouble.RESET:
            self._drop_all(_reset)
        if self._trouble == Trouble.REFUSED:
            self._drop_all()
            self._listener.close()
        elif self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self.port))

    def _drop_all(self, drop: Callable[[socket.socket], None] | None = None) -> None:
        while self._links:
            for end in self._links.pop().ends:
                (drop or _close)(end)


class _Link:
    """A client's connection and the one to the target, with a thread for each direction."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, target: int) -> None:
        self.dead = False
        self._proxy = proxy
        self.ends = (client, socket.create_connection(("127.0.0.1", target)))
        for source, sink in (self.ends, self.ends[::-1]):
            threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                while self._proxy.trouble == Trouble.FROZEN:
                    time.sleep(_TICK)
                if self._proxy.trouble == Trouble.SLOW:
                    time.sleep(_SLOW)
                if not self.dead:
                    sink.sendall(data)
        if not self.dead:
            _close(sink)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
