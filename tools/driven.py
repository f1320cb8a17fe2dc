"""A process that is kept alive and does what it is asked to, so that what it costs can be measured.

Requests and answers are JSON, one a line, over its standard input and output; see
`version_driver.py` and `peer_driver.py`.
"""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.family import processor_seconds
from vision.benchmark.timing import Cost, Measure

_LEAST = 1.5  # seconds of a measurement: the kernel counts processors in hundredths


class Driven:
    """A driver at work in `folder`; what it says otherwise is appended to `log`."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._log = log
        with log.open("ab") as told:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
            )

    def ask(self, what: str, **arguments: Any) -> Any:
        """Its answer. Raises RuntimeError, with the end of its log, where it has none."""
        asking, answering = self.process.stdin, self.process.stdout
        if asking is None or answering is None:
            raise ValueError("The driver was started without pipes.")
        asking.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        asking.flush()
        answer = answering.readline()
        if not answer:
            raise RuntimeError(f"A driver has ended:\n{self._log.read_text()[-4000:]}")
        return json.loads(answer)

    def cost(self, what: str, **arguments: Any) -> Cost:
        """What it costs to do something, with the processes that it starts for it."""
        cpu, wall = processor_seconds(self.process.pid), time.perf_counter()
        self.ask(what, **arguments)
        wall = time.perf_counter() - wall
        return Cost(wall, processor_seconds(self.process.pid) - cpu)

    def timed(self, what: str, *, per: int = 1, **arguments: Any) -> Measure:
        """As `vision.benchmark.timing.timed`, of something that takes `times`."""
        self.cost(what, times=1, **arguments)
        times = max(1, round(_LEAST / self.cost(what, times=1, **arguments).wall))

        def measure() -> Cost:
            wall, cpu = self.cost(what, times=times, **arguments)
            return Cost(wall / times / per, cpu / times / per)

        return measure

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
