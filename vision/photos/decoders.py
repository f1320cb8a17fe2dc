"""Photos of strangers, opened in processes that can be ended: one for each photo.

A small process waits with everything loaded (`decoder_process`) and forks for each photo, one ahead
of need. What a photo takes, memory and time, is limited there and given back with its process;
whatever happens to it happens to that photo alone. No process opens a second photo: what the first
made of it, if it was crafted, would see other people's.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vision.errors import PHOTO_ERRORS, PhotoTooLarge, PhotoUnreadable
from vision.messages import Message
from vision.types import Box

from .drawing import Caption
from .preparing import KeptPhoto, Limits

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 300.0  # seconds a photo may wait for large ones before it, and be opened
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as a process that forks needs
# A new process fetches every page of memory from the kernel, which takes a sixth of a large photo's
# time where pages are small; and it would give memory back that it needs again a moment later, and
# have a second thread fetch its own. Other systems than Linux with glibc do not know it.
_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432"
    ":glibc.malloc.trim_threshold=1073741824:glibc.malloc.arena_max=1"
}
_COUNT = struct.Struct("!I")  # of the parts of a frame; then the length of each, then they


class DecodersUnavailable(Exception):
    """No decoder answers. It is not the photo's fault."""


@dataclass(frozen=True)
class _Parent:
    """The process that forks, and where it takes the sockets of jobs."""

    process: "subprocess.Popen[bytes]"
    control: socket.socket

    def ask(self, job: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
        """Raises OSError (TimeoutError where it takes too long) and EOFError."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.settimeout(_PATIENCE)
            with theirs:
                socket.send_fds(self.control, [b"j"], [theirs.fileno()])
            write_frame(ours, job, data)
            return read_frame(ours)

    def end(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


class Decoders:
    """Opens photos for the threads of this process.

    `lock` is a file that all of a machine's decoders share: large photos are opened one at a time.
    """

    def __init__(self, lock: Path) -> None:
        self._lock_file = lock
        self._starting = threading.Lock()
        self._parent: _Parent | None = None

    def prepare(self, data: bytes, limits: Limits) -> KeptPhoto:
        """See `preparing.prepare`; blocks until it is done, or was ended.

        Raises a `PhotoError`, which names the limit where it was one, and DecodersUnavailable.
        """
        kept, (image, thumbnail) = self._done(data, limits)
        kept["warnings"] = tuple(kept["warnings"])
        return KeptPhoto(**kept, image=image, thumbnail=thumbnail)

    def crop_face(self, data: bytes, box: Box, limits: Limits) -> bytes:
        """See `decoding.crop_face`; blocks and raises as `prepare` does."""
        _, (crop,) = self._done(data, limits, box=asdict(box))
        return crop

    def annotate(self, data: bytes, captions: Sequence[Caption], limits: Limits) -> bytes:
        """See `drawing.annotate`; blocks and raises as `prepare` does."""
        _, (picture,) = self._done(data, limits, captions=[asdict(one) for one in captions])
        return picture

    def anonymise(self, data: bytes, regions: Sequence[Box], how: str, limits: Limits) -> bytes:
        """See `drawing.anonymise`; blocks and raises as `prepare` does."""
        covered = [asdict(one) for one in regions]
        _, (picture,) = self._done(data, limits, regions=covered, how=how)
        return picture

    def _done(self, data: bytes, limits: Limits, **job: Any) -> tuple[dict[str, Any], list[bytes]]:
        job["limits"] = asdict(limits)
        for _ in range(2):
            parent = self._started()
            try:
                answer, files = parent.ask(job, data)
            except TimeoutError as error:
                raise DecodersUnavailable from error
            except (OSError, EOFError):
                # The process that forks was killed, and with it whatever was at work.
                self._forget(parent)
            else:
                return _unless_refused(answer, limits), files
        raise DecodersUnavailable

    def close(self) -> None:
        """End every decoder; the next photo starts them again."""
        if self._parent:
            self._forget(self._parent)

    def _started(self) -> _Parent:
        with self._starting:
            if self._parent is None:
                self._parent = self._start()
            return self._parent

    def _forget(self, parent: _Parent) -> None:
        with self._starting:
            if self._parent is parent:  # else another thread was faster
                parent.end()
                self._parent = None

    def _start(self) -> _Parent:
        ours, theirs = socket.socketpair()
        program = (sys.executable, "-m", "vision.photos.decoder_process")
        with theirs:
            process = subprocess.Popen(
                [*program, str(theirs.fileno()), str(self._lock_file)],
                cwd=_ROOT,
                env={**_MEMORY, **os.environ, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        return _Parent(process, ours)


def write_frame(peer: socket.socket, document: Any, *files: bytes) -> None:
    """Send a JSON document, and files after it."""
    parts = json.dumps(document).encode(), *files
    peer.sendall(struct.pack(f"!{1 + len(parts)}I", len(parts), *map(len, parts)))
    for part in parts:
        peer.sendall(part)


def read_frame(peer: socket.socket) -> tuple[Any, list[bytes]]:
    """What `write_frame` sent. Raises EOFError where it ends too early."""
    (count,) = _COUNT.unpack(_read(peer, _COUNT.size))
    lengths = struct.unpack(f"!{count}I", _read(peer, count * _COUNT.size))
    document, *files = [_read(peer, length) for length in lengths]
    return json.loads(document), files


def _read(peer: socket.socket, count: int) -> bytes:
    """So many bytes; at once, without a copy, where the socket blocks."""
    parts = []
    while count:
        parts.append(peer.recv(count, socket.MSG_WAITALL))
        if not parts[-1]:
            raise EOFError
        count -= len(parts[-1])
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unless_refused(answer: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """What was done. Raises a `PhotoError` where it was not."""
    match answer:
        case {"done": done}:
            return dict(done)
        case {"refused": refused}:
            message = Message.from_json(refused)
            raise PHOTO_ERRORS[message.code.partition(".")[0]](message)
        case {"ended": "memory"}:
            megabytes = Message("megabytes", {"count": limits.memory // 2**20})
            raise PhotoTooLarge("memory", limit=megabytes)
        case {"ended": "time"}:
            raise PhotoTooLarge("time", count=limits.cpu_seconds)
        case _:
            raise PhotoUnreadable("decoder")
