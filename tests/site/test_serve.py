"""`make run`: one command starts the whole site; whatever way it ends, nothing stays behind."""

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceroute_site import embedded_redis
from tests.processes import (
    ROOT,
    Process,
    Stack,
    Watched,
    free_port,
    processes_of,
    wait_until,
    wait_until_gone,
)
from tests.site.terminal import Terminal

pytestmark = pytest.mark.processes


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def site(tmp_path: Path, port: int) -> Iterator[Stack]:
    # With everything that means something in a URL or to a shell.
    folder = tmp_path / "a#b?c+d%20e 한글 \"q'&=;@:x" / "data"
    with Stack(folder, logs=tmp_path, PORT=str(port)) as stack:
        yield stack
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} <= {folder.parent.name}


def serve(site: Stack, *options: str) -> Process:
    return site.start("serve", sys.executable, "manage.py", "serve", *options)


def make_run() -> list[str]:
    """The command, where it would install nothing; the tests may run in another environment."""
    if subprocess.run(["make", "--question", "install"], cwd=ROOT, check=False).returncode != 0:
        pytest.skip("`make install` has not made .venv; run the tests with `make test`.")
    return ["make", "run"]


def wait_until_ready(process: Watched) -> None:
    wait_until(lambda: "Ready at http://" in process.output(), "the site is ready", process)


def test_ctrl_c_in_a_terminal_stops_everything(site: Stack, port: int) -> None:
    with Terminal(*make_run(), environment=site.environment) as terminal:
        wait_until_ready(terminal)
        assert f"Ready at http://127.0.0.1:{port} " in terminal.output()
        assert "`make admin` creates one" in terminal.output()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert answer.status == 200
        # Redis, the web with two processes, two workers with one child each, the scheduler, the
        # run.
        wait_until(lambda: len(processes_of(site.data_dir)) >= 9, "every process runs", terminal)

        terminal.press_ctrl_c()
        terminal.wait()
    assert "Everything has stopped." in terminal.output()
    assert "Traceback" not in terminal.output()
    assert processes_of(site.data_dir) == []


def test_a_terminal_that_is_closed_takes_the_site_along(site: Stack) -> None:
    with Terminal(*make_run(), environment=site.environment) as terminal:
        wait_until_ready(terminal)
        terminal.close()
        terminal.wait()
    wait_until_gone(site.data_dir)


def test_sigterm_to_make_alone_stops_everything(site: Stack) -> None:
    make = site.start("make", *make_run())
    wait_until_ready(make)
    make.popen.send_signal(signal.SIGTERM)
    make.popen.wait(60)
    assert "Everything has stopped." in make.output()
    assert processes_of(site.data_dir) == []


def test_a_killed_run_leaves_nothing_behind_and_hinders_no_other(site: Stack) -> None:
    killed = serve(site)
    wait_until_ready(killed)
    second = serve(site)
    assert second.popen.wait(60) != 0
    assert f"runs here already (process {killed.pid})" in second.output()

    killed.popen.kill()
    wait_until_gone(site.data_dir)
    wait_until_ready(serve(site))


def test_a_redis_of_ones_own_is_used_instead_of_the_embedded_one(
    site: Stack, tmp_path: Path
) -> None:
    address = free_port()
    site.start("redis", embedded_redis.executable(), "--port", str(address), "--dir", str(tmp_path))
    site.environment["REDIS_URL"] = f"redis://127.0.0.1:{address}/0"
    process = serve(site)
    wait_until_ready(process)
    assert "redis    |" not in process.output()
    assert not embedded_redis.socket_path(site.data_dir).exists()


def test_a_port_in_use_is_said_in_one_sentence_before_anything_starts(
    site: Stack, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        process = serve(site)
        assert process.popen.wait(60) != 0
    assert process.output() == (
        f"CommandError: Another program uses port {port} on this machine. Stop it or choose "
        f"another port, for example: make run PORT={port + 1}\n"
    )
    assert not (site.data_dir / "db.sqlite3").exists()


def test_a_host_that_is_not_this_machine_is_refused(site: Stack) -> None:
    process = serve(site, "--host", "192.0.2.1")
    assert process.popen.wait(60) != 0
    assert "FaceRoute cannot listen on '192.0.2.1'" in process.output()
