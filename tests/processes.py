"""The site's real processes (Redis, web, worker, beat, commands) on a data directory of a test."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from redis import Redis

from faceroute_site import embedded_redis

ROOT = Path(__file__).resolve().parent.parent
_BIN = Path(sys.executable).parent
_PATIENCE = 60.0  # seconds; a machine that runs many tests at once starts TensorFlow slowly
_GRACE = 20.0  # seconds a process gets to stop before it is killed


class Watched(Protocol):
    """A process whose end and whose output tell why something did not come about."""

    @property
    def popen(self) -> "subprocess.Popen[bytes]": ...

    def output(self) -> str: ...


@dataclass(frozen=True)
class Process:
    """One started process, the leader of a group of its own, and the file it logs to."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and all of its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """`kill -9` the whole group, as an out-of-memory killer or a power cut would."""
        self.signal_group(signal.SIGKILL)
        self.popen.wait()

    def kill_with_descendants(self) -> None:
        """`kill -9` the group and whatever it has started, in groups of their own too."""
        self.signal_group(signal.SIGSTOP)  # so that nothing is started between looking and killing
        others = descendants(self.pid)
        self.kill()
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to stop, wait for it, and leave no child behind."""
        self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_GRACE)
        self.kill()


class Stack:
    """Starts processes that share one data directory; leaving the `with` block kills them all, for
    what a test wants to know of their end it has asked by then.

    `environment` is set for every process, on top of this one's. Logs go to `logs`. `redis` is the
    Redis that runs, if any. `root` is where the code lies that they run.
    """

    def __init__(self, data_dir: Path, *, logs: Path, **environment: str) -> None:
        self.data_dir = data_dir.resolve()
        self.root = ROOT
        self.logs = logs
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "faceroute_site.settings",
            "FACEROUTE_DATA_DIR": str(self.data_dir),
            "FACEROUTE_STATIC_DIR": str(self.data_dir / "static"),
            "REDIS_URL": "",
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._processes: list[Process] = []
        self.redis: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in reversed(self._processes):
            process.kill_with_descendants()

    def start(self, name: str, *command: str) -> Process:
        """Start a command in a process group of its own, logging to `<name>-<n>.log`."""
        log = self.logs / f"{name}-{len(self._processes)}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(popen, log)
        self._processes.append(process)
        return process

    def redis_client(self) -> Redis:
        """A client of the embedded Redis."""
        return Redis(unix_socket_path=str(embedded_redis.socket_path(self.data_dir)))

    def start_redis(self) -> Process:
        """The embedded Redis of the data directory, accepting connections."""
        path = embedded_redis.socket_path(self.data_dir)
        path.unlink(missing_ok=True)
        process = self.start("redis", *embedded_redis.command(self.data_dir))
        wait_until(path.exists, "Redis listens", process)
        self.redis = process
        return process

    def stop_redis(self) -> None:
        """Redis goes away, with every message it held."""
        assert self.redis, "no Redis was started"
        self.redis.stop()
        self.redis = None

    def start_worker(
        self, *options: str, app: str = "faceroute_site", queues: str = "inference"
    ) -> Process:
        """A Celery worker, connected to the broker; its child may still be loading the model."""
        process = self.start("worker", *self.worker_command(app=app, queues=queues), *options)
        wait_until(lambda: " ready." in process.output(), "the worker is ready", process)
        return process

    @classmethod
    def worker_command(
        cls, *, app: str = "faceroute_site", queues: str = "inference"
    ) -> tuple[str, ...]:
        alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        options = ("-Q", queues, "-l", "INFO", *alone)
        return (*cls.celery_command(app), "worker", *options)

    def start_beat(self) -> Process:
        return self.start("beat", *self.celery_command(), "beat", "-l", "INFO")

    def start_web(self, *, processes: int = 1) -> tuple[Process, str]:
        """The web server on a free port of the loopback interface; its URL has no final slash."""
        port = free_port()
        process = self.start(
            "web",
            *("env", f"PORT={port}", f"WEB_CONCURRENCY={processes}", "HOST=127.0.0.1"),
            *(sys.executable, "-m", "faceroute_site.web"),
        )
        wait_until(lambda: _answers(port), "the web process answers", process)
        return process, f"http://127.0.0.1:{port}"

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; what it printed. Raises CalledProcessError."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root,
            env=self.environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    @staticmethod
    def celery_command(app: str = "faceroute_site") -> tuple[str, ...]:
        return str(_BIN / "celery"), "-A", app


def wait_until(
    condition: Callable[[], bool],
    what: str,
    process: Watched | None = None,
    *,
    seconds: float = _PATIENCE,
) -> None:
    """Poll until `condition` holds; if it never does, the error shows the end of the log."""
    deadline = time.monotonic() + seconds
    while not condition():
        dead = process is not None and process.popen.poll() is not None
        if dead or time.monotonic() > deadline:
            log = process.output()[-4000:] if process else ""
            raise AssertionError(f"Waited in vain until {what}.\n{log}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children(pid: int) -> list[int]:
    """The direct children of a process (Linux)."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on (Linux); none of one that has gone."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in children(pid):
            found += [child, *descendants(child)]
    return found


def group_is_gone(pid: int) -> bool:
    """Whether no process of the group is left, not even an orphan."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    return False


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie that its parent has not asked after (Linux)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def processes_of(data_dir: Path) -> list[int]:
    """The processes whose environment names a data directory (Linux)."""
    variable = b"FACEROUTE_DATA_DIR=" + os.fsencode(data_dir.resolve())
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        # Processes come and go while we look; those of other users are not ours.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if variable in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def wait_until_gone(data_dir: Path) -> None:
    """Wait until no process of a data directory is left; if some stay, the error says which."""
    try:
        wait_until(lambda: processes_of(data_dir) == [], "every process is gone")
    except AssertionError as error:
        left = [Path(f"/proc/{pid}/status").read_text() for pid in processes_of(data_dir)]
        raise AssertionError("\n".join([str(error), *left])) from None


def maps_tensorflow(pid: int) -> bool:
    """Whether a running process has TensorFlow's libraries loaded (Linux)."""
    return "libtensorflow" in Path(f"/proc/{pid}/maps").read_text()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
    except urllib.error.HTTPError:
        return True  # any answer will do
    except OSError:
        return False
    return True
