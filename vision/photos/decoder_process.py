"""`python -m vision.photos.decoder_process CONTROL LOCK`: forks for each photo (see `decoders`).

CONTROL is the descriptor of a socket over which the sockets of jobs come; where it ends, so does
this process and every one that it has forked. LOCK is the path of a file to lock for large photos.
"""

import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from vision.errors import PhotoError
from vision.types import Box

from .decoders import read_frame, write_frame
from .decoding import crop_face
from .preparing import KeptPhoto, Limits, prepare

_LARGE = 16_000_000  # pixels; larger photos are opened one at a time on a machine
_NICENESS = 5  # pages go first
_PR_SET_PDEATHSIG = 1


def main() -> None:
    control, lock = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    Pillow.init()
    os.nice(_NICENESS)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it goes when its parent has gone
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    jobs: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _bury(jobs)
        if control.fileno() in ready:
            _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not descriptors:
                os._exit(0)
            job = socket.socket(fileno=descriptors[0])
            jobs[_fork(job, lock)] = job


def _fork(job: socket.socket, lock: str) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            _die_first()
            _work(job, lock)
            status = 0
        finally:
            os._exit(status)
    return pid


def _bury(jobs: dict[int, socket.socket]) -> None:
    """Say on behalf of those that were ended why they do not answer."""
    while jobs:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with jobs.pop(pid) as job:
            if status:
                _say_ended(job, status)


def _say_ended(job: socket.socket, status: int) -> None:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    timed_out = number in {signal.SIGALRM, signal.SIGXCPU}
    try:
        write_frame(job, {"ended": "time" if timed_out else "died"})
    except OSError:
        return  # nobody waits for it


def _work(job: socket.socket, lock: str) -> None:
    asked, data = read_frame(job)
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
            blob = crop_face(data, Box(**asked["box"]), before_decoding=before_decoding)
        else:
            done, blob = _parted(prepare(data, limits, before_decoding))
    except PhotoError as error:
        write_frame(job, {"refused": error.message.as_json()})
    except MemoryError:
        write_frame(job, {"ended": "memory"})
    else:
        write_frame(job, {"done": done}, blob)


def _parted(kept: KeptPhoto) -> tuple[dict[str, Any], bytes]:
    """What JSON can say of it, and its two files."""
    said = {
        "width": kept.width,
        "height": kept.height,
        "warnings": kept.warnings,
        "image_bytes": len(kept.image),
    }
    return said, kept.image + kept.thumbnail


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


def _die_first() -> None:
    """With the process that forked this one, and before others where memory runs out."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
