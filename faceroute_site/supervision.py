"""Programs kept running side by side: started again when they die, stopped together.

What they print appears on standard output, each line with the program's name in front.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .saying import say

_LONGEST_PAUSE = 30.0  # seconds before a program that keeps dying is started again
_STEADY = 60.0  # seconds after which a program counts as running well


@dataclass(frozen=True)
class Program:
    """A command to keep running.

    `environment` is set on top of this process's. Asked to stop, it gets `grace` seconds before
    it and its children are killed.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    grace: float = 20.0


@contextlib.asynccontextmanager
async def running(*programs: Program, cwd: Path, keep_open: int) -> AsyncIterator[None]:
    """Keep the programs running inside the block; after it no process of theirs is left.

    They are stopped at the same time. `keep_open` is a file descriptor that every process they
    start holds open, so that a lock on it lasts as long as any of them.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_keep(program, cwd, keep_open)) for program in programs]
        yield
        for task in tasks:
            task.cancel()


async def _keep(program: Program, cwd: Path, keep_open: int) -> None:
    pause = 1.0
    while True:
        started = time.monotonic()
        status = await _run_once(program, cwd, keep_open)
        if time.monotonic() - started > _STEADY:
            pause = 1.0
        say(program.name, f"ended ({_describe(status)}); it starts again in {pause:.0f} s.")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _run_once(program: Program, cwd: Path, keep_open: int) -> int:
    # A pipe of our own: asyncio's would have `wait` wait for the children's ends as well.
    ours, theirs = os.pipe()
    printing = asyncio.create_task(_print_lines(program.name, ours))
    try:
        process = await asyncio.create_subprocess_exec(
            *_tether(),
            *program.command,
            cwd=cwd,
            env={**os.environ, **program.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            process_group=0,  # a Ctrl-C in the terminal reaches this process alone
            pass_fds=(keep_open,),
        )
    finally:
        os.close(theirs)
    try:
        return await process.wait()
    finally:
        await _end(process, program.grace)
        await printing


async def _end(process: asyncio.subprocess.Process, grace: float) -> None:
    """Stop a process politely; then whatever is left of its group is killed."""
    with contextlib.suppress(ProcessLookupError, TimeoutError):
        process.terminate()
        await asyncio.wait_for(process.wait(), grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _print_lines(name: str, pipe: int) -> None:
    output = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), os.fdopen(pipe, "rb")
    )
    rest = b""
    while chunk := await output.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            say(name, line.decode(errors="replace"))
    if rest:
        say(name, rest.decode(errors="replace"))


@cache
def _tether() -> tuple[str, ...]:
    """A prefix that has the kernel stop a program whose keeper was killed, on most Linuxes."""
    prefix = ("setpriv", "--pdeathsig", "TERM", "--")
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ()
    return prefix


def _describe(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
