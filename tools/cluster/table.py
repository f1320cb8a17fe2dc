"""What the database of the site on trial says, asked without the site's own code."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg

from .parts import Programs

_LOOK = 1.0  # seconds between two looks


def rows(database: str, query: LiteralString) -> list[tuple[Any, ...]]:
    """Raises psycopg.Error while the database is away."""
    with psycopg.connect(database, connect_timeout=5) as connection:
        return connection.execute(query).fetchall()


def open_work(database: str) -> int:
    """How many predictions are neither done nor failed. Raises psycopg.Error."""
    waiting = "SELECT count(*) FROM predictions_prediction WHERE status IN ('queued', 'running')"
    return int(rows(database, waiting)[0][0])


class Watch:
    """Looks at what workers say of themselves: who has worked, and who serves which version."""

    def __init__(self, database: str, machines: list[Programs]) -> None:
        self.worked: set[str] = set()
        self._database, self._machines = database, machines
        self._over = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def versions(self) -> dict[str, str]:
        """The version that each machine serves now, by its name. Raises psycopg.Error."""
        return {name: version for name, version, _ in self._said()}

    def _look(self) -> None:
        while not self._over.wait(_LOOK):
            try:
                self.worked |= {name for name, _, photos in self._said() if photos}
            except psycopg.Error:
                time.sleep(_LOOK)

    def _said(self) -> list[tuple[str, str, int]]:
        """Machine, version and photos of the last minute, of every inference process that runs."""
        said = rows(
            self._database,
            "SELECT process, version, photos_a_minute FROM predictions_worker"
            " WHERE queues = 'inference'",
        )
        machines = {pid: machine.name for machine in self._machines for pid in machine.pids()}
        return [
            (machines[pid], version, photos) for pid, version, photos in said if pid in machines
        ]
