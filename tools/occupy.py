"""Tries to occupy the web server of this machine, and measures what others notice of it.

    .venv/bin/python tools/occupy.py [TRIAL…] [--site FOLDER] [--web COMMAND] [--seconds N]

Starts the web alone, without workers, on an empty data folder and a free port of the loopback
interface, and stops it at the end. For each trial it prints how long an ordinary page took
meanwhile and what memory (PSS) the web's processes and their children held. Linux.
"""

import argparse
import asyncio
import contextlib
import io
import os
import shlex
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.family import memory, processor_seconds

_PATIENCE = 20.0  # seconds after which a page counts as not answered
_BOUNDARY = uuid.uuid4().hex


@dataclass
class Site:
    """The running web: where it listens, its first process, a key, its SQLite database."""

    port: int
    pid: int
    key: str
    database: Path
    seconds: float
    pages: list[float] = field(default_factory=list)
    peak: float = 0.0


async def _connect(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.port)


def _head(method: str, path: str, **headers: object) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _photo_call(site: Site, photo: bytes, **headers: object) -> bytes:
    opening = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = opening.encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return (
        _head(
            "POST",
            "/api/v1/predictions/",
            Authorization=f"Bearer {site.key}",
            Content_Type=f"multipart/form-data; boundary={_BOUNDARY}",
            Content_Length=len(body),
            **headers,
        )
        + body
    )


def _encoded(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


async def _keep_open(site: Site, count: int, begin: bytes, drop: bytes | None) -> None:
    """Connections that begin a request and never finish it; `drop` is sent every second."""

    async def one() -> None:
        with contextlib.suppress(OSError):
            _reader, writer = await _connect(site)
            writer.write(begin)
            end = time.monotonic() + site.seconds
            while time.monotonic() < end:
                await asyncio.sleep(1)
                if drop:
                    writer.write(drop)
                    await writer.drain()
            writer.close()

    await asyncio.gather(*(one() for _ in range(count)))


async def half_open(site: Site) -> str:
    """24 connections, half of them with unfinished headers and half with unfinished bodies."""
    await asyncio.gather(
        _keep_open(site, 12, b"GET / HTTP/1.1\r\nHost: loc", None),
        _keep_open(site, 12, _head("POST", "/", Content_Length=1000), None),
    )
    return ""


async def slow_headers(site: Site) -> str:
    """100 senders of endless headers."""
    await _keep_open(site, 100, b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-More: x\r\n")
    return ""


async def slow_bodies(site: Site) -> str:
    """100 senders of endless bodies."""
    begin = _head("POST", "/account/login/", Content_Length=1_000_000)
    await _keep_open(site, 100, begin, b"x")
    return ""


async def hang_up(site: Site) -> str:
    """18 clients that ask to wait 60 s and hang up after 3."""
    small = _encoded(Image.new("RGB", (64, 64)))

    async def one() -> None:
        with contextlib.suppress(OSError):
            _reader, writer = await _connect(site)
            writer.write(_photo_call(site, small, Prefer="wait=60"))
            await asyncio.sleep(3)
            writer.close()

    await asyncio.gather(*(one() for _ in range(18)))
    await asyncio.sleep(site.seconds)
    return ""


async def wait_200(site: Site) -> str:
    """200 clients that wait 60 s, of which half hang up."""
    small = _encoded(Image.new("RGB", (64, 64)))
    told: list[float] = []

    async def one(hangs_up: bool) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await _connect(site)
            writer.write(_photo_call(site, small, Prefer="wait=60"))
            if hangs_up:
                await asyncio.sleep(site.seconds)
            elif b" 201 " in await asyncio.wait_for(reader.read(100), 60 + _PATIENCE):
                told.append(time.monotonic())
            writer.close()

    async def finish() -> float:
        await asyncio.sleep(2 * site.seconds)
        with contextlib.closing(sqlite3.connect(site.database, timeout=30)) as database, database:
            database.execute("UPDATE predictions_prediction SET status='done', took_ms=5")
        return time.monotonic()

    finishing = asyncio.create_task(finish())
    await asyncio.gather(*(one(n % 2 == 0) for n in range(200)))
    finished = await finishing
    after = [each - finished for each in told]
    slowest = f", the last {max(after):.2f} s after the result" if after else ""
    return f"{len(told)} told{slowest}"


async def bombs(site: Site) -> str:
    """Eight PNGs of 49 megapixels and 0.2 MB at once, RGBA and 16-bit grey."""
    rgba = _encoded(Image.new("RGBA", (7000, 7000)))
    grey = _encoded(Image.fromarray(np.zeros((7000, 7000), np.uint16)))

    async def one(photo: bytes) -> float:
        begun = time.monotonic()
        reader, writer = await _connect(site)
        writer.write(_photo_call(site, photo))
        answer = await reader.read(100)
        writer.close()
        return time.monotonic() - begun if b" 202 " in answer else float("nan")

    took = await asyncio.gather(*(one(photo) for photo in [rgba, grey] * 4))
    return f"answered after {min(took):.1f} to {max(took):.1f} s"


async def large_form(site: Site) -> str:
    """A form of 300 MB of a stranger."""
    reader, writer = await _connect(site)
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    writer.write(
        _head("POST", "/account/login/", Content_Length=300_000_000, Content_Type=kind)
        + f"--{_BOUNDARY}\r\n".encode()
        + b'Content-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    )
    reading = asyncio.create_task(reader.read(100))
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 300_000_000 and not writer.is_closing():
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        answer = await asyncio.wait_for(reading, _PATIENCE)
    status = answer.split(b" ")[1].decode() if answer else "no answer"
    return f"{sent / 1e6:.0f} MB taken, {status}"


async def pictures(site: Site) -> str:
    """The pictures of a batch of 1,000 photos of 2.6 megapixels with two faces."""
    batch = await asyncio.to_thread(_filled_batch, site, 1000)
    begun = time.monotonic()
    taken = await _read_pictures(site, batch)
    per_photo = (time.monotonic() - begun) / 1000
    return f"{taken / 1e6:.0f} MB, {1000 * per_photo:.0f} ms a photo"


async def many_pictures(site: Site) -> str:
    """Twelve readers of such a zip at once, who hang up; photos are sent meanwhile."""
    batch = await asyncio.to_thread(_filled_batch, site, 1000)
    small = _encoded(Image.new("RGB", (64, 64)))
    sent: list[float] = []

    async def send() -> None:
        while True:
            begun = time.monotonic()
            reader, writer = await _connect(site)
            writer.write(_photo_call(site, small))
            await reader.read(100)
            writer.close()
            sent.append(time.monotonic() - begun)
            await asyncio.sleep(0.5)

    sending = asyncio.create_task(send())
    readers = [asyncio.create_task(_read_pictures(site, batch)) for _ in range(12)]
    await asyncio.sleep(site.seconds)
    sending.cancel()
    for each in readers:
        each.cancel()
    await asyncio.wait([sending, *readers])
    await asyncio.sleep(2)
    spent = processor_seconds(site.pid)
    await asyncio.sleep(5)
    spent = processor_seconds(site.pid) - spent
    told = f"{len(sent)} photos sent, p50 {statistics.median(sent):.2f}, slowest {max(sent):.2f} s"
    return f"{told}; {spent:.1f} s of a processor in the 5 s after they hung up"


async def _read_pictures(site: Site, batch: str) -> int:
    """How many bytes came."""
    reader, writer = await _connect(site)
    path = f"/api/v1/batches/{batch}/pictures/"
    writer.write(_head("GET", path, Authorization=f"Bearer {site.key}", Connection="close"))
    taken = 0
    try:
        while data := await reader.read(2**20):
            taken += len(data)
    finally:
        writer.close()
    return taken


def _filled_batch(site: Site, photos: int) -> str:
    command = [sys.executable, "tools/fill_batch.py", "ann", "--photos", str(photos)]
    environment = {**os.environ, "FACEROUTE_DATA_DIR": str(site.database.parent)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


TRIALS: dict[str, Callable[[Site], Awaitable[str]]] = {
    each.__name__: each
    for each in (
        *(half_open, hang_up, slow_headers, slow_bodies, wait_200, bombs, large_form),
        *(pictures, many_pictures),
    )
}


async def _look_at_pages(site: Site) -> None:
    """Ask for a page five times a second; each question has a connection of its own."""

    async def one() -> None:
        begun = time.monotonic()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await _connect(site)
                writer.write(_head("GET", "/about/", Connection="close"))
                await reader.read()
                writer.close()
        site.pages.append(time.monotonic() - begun)

    async with asyncio.TaskGroup() as asked:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                asked.create_task(one())
                await asyncio.sleep(0.2)


async def _weigh(site: Site) -> None:
    while True:
        site.peak = max(site.peak, await asyncio.to_thread(memory, site.pid))
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _watched(site: Site) -> AsyncIterator[None]:
    site.pages, site.peak = [], 0.0
    pages = asyncio.create_task(_look_at_pages(site))
    weighing = asyncio.create_task(_weigh(site))
    await asyncio.sleep(1)
    try:
        yield
    finally:
        await asyncio.sleep(1)
        pages.cancel()
        await asyncio.wait([pages])
        weighing.cancel()


async def _run(site: Site, names: list[str]) -> None:
    _say("| trial | page p50, p95, slowest (s) | not answered | PSS before, most, after (MB) | |")
    _say("|---|---|---|---|---|")
    for name in names:
        before = memory(site.pid)
        async with _watched(site):
            said = await TRIALS[name](site)
        await asyncio.sleep(5)
        answered = sorted(page for page in site.pages if page < _PATIENCE) or [float("nan")]
        p95 = sorted(site.pages)[int(0.95 * len(site.pages))]
        lost = len([page for page in site.pages if page >= _PATIENCE])
        _say(
            f"| {name} | {statistics.median(answered):.3f}, {p95:.3f}, {max(site.pages):.3f} "
            f"| {lost} of {len(site.pages)} "
            f"| {before:.0f}, {site.peak:.0f}, {memory(site.pid):.0f} | {said} |"
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _manage(*arguments: str, site: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=site, env=environment, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(TRIALS))
    parser.add_argument("--site", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--web", default="-m faceroute_site.web", help="arguments of Python")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long a trial goes on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faceroute-occupy-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = {
            **os.environ,
            "FACEROUTE_DATA_DIR": folder,
            "FACEROUTE_STATIC_DIR": f"{folder}/static",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DJANGO_SUPERUSER_PASSWORD": "unimportant",
        }
        manage = {"site": options.site, "environment": environment}
        _manage("migrate", "--verbosity", "0", **manage)
        _manage("collectstatic", "--noinput", "--verbosity", "0", **manage)
        _manage("createsuperuser", "--noinput", "--username", "ann", "--email", "", **manage)
        key = _manage("create_api_key", "ann", **manage)
        web = subprocess.Popen(
            [sys.executable, *shlex.split(options.web)],
            cwd=options.site,
            env=environment,
            start_new_session=True,
        )
        try:
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.2)
            time.sleep(5)
            database = Path(folder) / "db.sqlite3"
            site = Site(port, web.pid, key, database, options.seconds)
            asyncio.run(_run(site, options.trials or list(TRIALS)))
        finally:
            web.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                web.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(web.pid, signal.SIGKILL)
            web.wait()


if __name__ == "__main__":
    main()
