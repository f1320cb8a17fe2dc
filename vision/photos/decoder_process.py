"""`python -m vision.photos.decoder_process CONTROL LOCK`: forks for each photo (see `decoders`).

CONTROL is the descriptor of a socket over which the sockets of jobs come; where it ends, so does
this process and every one that it has forked. LOCK is the path of a file to lock for large photos.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image as Pillow

from vision.errors import PhotoError
from vision.types import Box

from .decoders import read_frame, write_frame
from .decoding import crop_face, encode_jpeg
from .preparing import KeptPhoto, Limits, prepare

_LARGE = 16_000_000  # pixels; larger photos are opened one at a time on a machine
_NICENESS = 5  # pages go first
_PR_SET_PDEATHSIG = 1
_C = ctypes.CDLL(None)
_WARM_SIDE = 512  # pixels; memory for as large a photo is there before it comes


class _Spare(NamedTuple):
    """A process that is ready for a photo, and where it takes the socket of its job."""

    pid: int
    door: socket.socket


class _Parent:
    """Forks a process for each photo, one ahead of need.

    It never sees a byte of a photo, and a process that it forks sees those of one alone: it is
    given the socket of that job and closes whatever else it has got from here.
    """

    def __init__(self, control: socket.socket, lock: str) -> None:
        self._control, self._lock = control, lock
        self._jobs: dict[int, socket.socket] = {}
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)
        self._spare: _Spare | None = self._fork()

    def run(self) -> None:
        """Until the control socket ends."""
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._woken], [], [])
            if self._control.fileno() in ready:
                _, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
                if not descriptors:
                    return
                self._give(socket.socket(fileno=descriptors[0]))
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._bury()

    def _give(self, job: socket.socket) -> None:
        """Hand a job to a process of its own."""
        while True:
            pid, door = self._spare or self._fork()
            self._spare = None
            with door:
                try:
                    socket.send_fds(door, [b"j"], [job.fileno()])
                except OSError:
                    continue  # it was killed while it waited
            self._jobs[pid] = job
            return

    def _bury(self) -> None:
        """Say on behalf of those that were ended why they do not answer; have one ready again.

        That is now, and not when one was taken: the photo needs the processor more.
        """
        for pid, status in iter(_next_dead, None):
            job = self._jobs.pop(pid, None)
            if job is None:
                self._forget_spare(pid)
                continue
            with job:
                if status:
                    _say_ended(job, status)
        with contextlib.suppress(OSError):  # the next photo tries again
            self._spare = self._spare or self._fork()

    def _forget_spare(self, pid: int) -> None:
        if self._spare and self._spare.pid == pid:
            self._spare.door.close()
            self._spare = None

    def _fork(self) -> _Spare:
        door, inside = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                for other in (self._control, door, *self._jobs.values()):
                    other.close()
                os.close(self._woken)
                os.close(self._wake)
                _serve_one(inside, self._lock)
                status = 0
            finally:
                os._exit(status)
        inside.close()
        return _Spare(pid, door)


def main() -> None:
    control, lock = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    Pillow.init()
    _prepare_any()  # imports what is imported late
    os.nice(_NICENESS)
    if sys.platform == "linux":  # before others where memory runs out, as what it forks
        Path("/proc/self/oom_score_adj").write_text("1000")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it goes when its parent has gone
    _Parent(control, lock).run()
    os._exit(0)


def _next_dead() -> tuple[int, int] | None:
    """The process and the status of a child that has ended; None where none has."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _serve_one(door: socket.socket, lock: str) -> None:
    """Get ready, wait for a photo, open it."""
    if sys.platform == "linux":
        _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _warm_up()
    _, descriptors, _, _ = socket.recv_fds(door, 1, 1)
    door.close()
    if descriptors:
        _work(socket.socket(fileno=descriptors[0]), lock)


def _warm_up() -> None:
    """Have memory of its own, which a new process shares with its parent until it writes to it."""
    _prepare_any()
    for _ in range(2):
        Pillow.new("RGB", (_WARM_SIDE, _WARM_SIDE))


def _prepare_any() -> None:
    prepare(_any_photo(), Limits(bytes=2**20, pixels=2**20))


@cache
def _any_photo() -> bytes:
    return encode_jpeg(Pillow.new("RGB", (16, 16)))


def _say_ended(job: socket.socket, status: int) -> None:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    timed_out = number in {signal.SIGALRM, signal.SIGXCPU}
    try:
        write_frame(job, {"ended": "time" if timed_out else "died"})
    except OSError:
        return  # nobody waits for it


def _work(job: socket.socket, lock: str) -> None:
    asked, (data,) = read_frame(job)
    limits = Limits(**asked["limits"])
    _limit(limits)

    def before_decoding(pixels: int) -> None:
        if pixels > _LARGE:
            signal.setitimer(signal.ITIMER_REAL, 0)
            fcntl.flock(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
        signal.setitimer(signal.ITIMER_REAL, limits.seconds)

    done: dict[str, Any] = {}
    try:
        if "box" in asked:
            files = [crop_face(data, Box(**asked["box"]), before_decoding=before_decoding)]
        else:
            done, *files = _parted(prepare(data, limits, before_decoding))
    except PhotoError as error:
        write_frame(job, {"refused": error.message.as_json()})
    except MemoryError:
        write_frame(job, {"ended": "memory"})
    else:
        write_frame(job, {"done": done}, *files)


def _parted(kept: KeptPhoto) -> tuple[dict[str, Any], bytes, bytes]:
    """What JSON can say of it, and its two files."""
    said = {"width": kept.width, "height": kept.height, "warnings": kept.warnings}
    return said, kept.image, kept.thumbnail


def _limit(limits: Limits) -> None:
    """From here on this process has so much memory and time; the kernel sees to it."""
    for number in (signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # macOS limits no memory; the pixels do
        most = _data_bytes() + limits.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _data_bytes() -> int:
    """What this process has taken already of what RLIMIT_DATA counts."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
