"""A supervisor goes on reading what its programs print, whoever reads what it prints itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, is_running, wait_until
from tests.site.terminal import Terminal

# More than pipes and terminals hold.
TALKATIVE = """
import pathlib, sys
for number in range(20_000):
    print(f"{number:0100d}", flush=True)
pathlib.Path(sys.argv[1], "said everything").touch()
"""
# Keeps a talkative program running in the folder it is told, until it is stopped.
SUPERVISOR = f"""
import asyncio, os, pathlib, signal, sys
from faceroute_site.supervision import Program, running

async def run():
    folder = pathlib.Path(sys.argv[1])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    (folder / "pid").write_text(str(os.getpid()))
    while sys.argv[2:] and not (folder / sys.argv[2]).exists():
        await asyncio.sleep(0.05)
    program = Program("talkative", [sys.executable, "-c", {TALKATIVE!r}, str(folder)])
    async with running(program, cwd=folder, keep_open=lock):
        await stop.wait()

asyncio.run(run())
"""
# As a shell with a terminal starts it, also where the tests themselves are to outlive theirs.
IN_A_TERMINAL = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


@pytest.fixture
def unread(tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A supervisor whose output nobody reads, as after Ctrl-S."""
    command = [sys.executable, "-c", IN_A_TERMINAL + SUPERVISOR, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_programs_go_on_while_nobody_reads(
    tmp_path: Path, unread: "subprocess.Popen[bytes]"
) -> None:
    wait_until((tmp_path / "said everything").exists, "the program has said everything")
    assert unread.stdout
    shown = b""
    while b"lines were left out while nobody read them." not in shown:
        shown += os.read(unread.stdout.fileno(), 65536)
    assert shown.startswith(b"talkative| " + b"0" * 100 + b"\n")


def test_it_stops_when_nobody_can_read_any_more(
    tmp_path: Path, unread: "subprocess.Popen[bytes]"
) -> None:
    assert unread.stdout
    unread.stdout.close()
    assert unread.wait(60) == 0


def test_it_goes_on_where_it_is_to_outlive_its_terminal(tmp_path: Path) -> None:
    outliving = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", SUPERVISOR]
    with Terminal(*outliving, str(tmp_path), "go", environment=dict(os.environ)) as terminal:
        wait_until((tmp_path / "pid").exists, "the supervisor is there", terminal)
        terminal.close()
        (tmp_path / "go").touch()
        wait_until((tmp_path / "said everything").exists, "the program has said everything")
        pid = int((tmp_path / "pid").read_text())
        assert is_running(pid)
        os.kill(pid, signal.SIGTERM)
        terminal.wait()
