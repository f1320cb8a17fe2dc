"""Programs are kept running, speak with their name in front, and leave nothing behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from faceroute_site.supervision import Program, running
from tests.processes import is_running

Look = Callable[[], bool]


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def program(name: str, script: str, *, grace: float = 5.0) -> Program:
    return Program(name, [sys.executable, "-c", script], grace=grace)


async def until(condition: Look, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def watch(
    tmp_path: Path, lock: int, *programs: Program, until_then: Callable[[], Awaitable[None]]
) -> None:
    """Keep programs running until `until_then` returns."""

    async def watched() -> None:
        async with running(*programs, cwd=tmp_path, keep_open=lock):
            await until_then()

    asyncio.run(watched())


def pids(tmp_path: Path) -> list[int]:
    """What the programs below have written about themselves, in the order of their starts."""
    file = tmp_path / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


WRITES_ITS_PID = "import os, time; print(os.getpid(), file=open('pids', 'a'), flush=True)\n"


def test_every_line_carries_the_name_of_its_program(
    tmp_path: Path, lock: int, capfd: pytest.CaptureFixture[str]
) -> None:
    script = WRITES_ITS_PID + "print('hello', flush=True); time.sleep(60)"
    shown: list[str] = []

    async def hello_is_shown() -> None:
        def look() -> bool:
            shown.append(capfd.readouterr().out)
            return "hello" in "".join(shown)

        await until(look)

    watch(tmp_path, lock, program("web", script), until_then=hello_is_shown)
    assert "".join(shown) == "web      | hello\n"


def test_a_program_that_dies_is_started_again(
    tmp_path: Path, lock: int, capfd: pytest.CaptureFixture[str]
) -> None:
    async def killed_and_back() -> None:
        await until(lambda: len(pids(tmp_path)) == 1)
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        await until(lambda: len(pids(tmp_path)) == 2)

    sleeper = program("web", WRITES_ITS_PID + "time.sleep(60)")
    watch(tmp_path, lock, sleeper, until_then=killed_and_back)
    assert "web      | ended (signal SIGKILL); it starts again in 1 s." in capfd.readouterr().out


def test_children_of_a_program_that_died_are_gone_before_it_starts_again(
    tmp_path: Path, lock: int
) -> None:
    script = "import os, time; os.fork(); " + WRITES_ITS_PID + "time.sleep(60)"

    async def killed_and_back() -> None:
        await until(lambda: len(pids(tmp_path)) == 2)
        first = pids(tmp_path)
        os.kill(os.getpgid(first[0]), signal.SIGKILL)
        await until(lambda: len(pids(tmp_path)) == 4)
        assert not any(map(is_running, first))

    watch(tmp_path, lock, program("web", script), until_then=killed_and_back)


def test_leaving_stops_programs_and_kills_those_that_refuse(tmp_path: Path, lock: int) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"

    async def both_run() -> None:
        await until(lambda: len(pids(tmp_path)) == 2)

    watch(
        tmp_path,
        lock,
        program("polite", WRITES_ITS_PID + "time.sleep(60)"),
        program("stubborn", stubborn + WRITES_ITS_PID + "time.sleep(60)", grace=0.5),
        until_then=both_run,
    )
    assert not any(map(is_running, pids(tmp_path)))
