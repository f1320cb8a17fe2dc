"""A database as it is at one moment, read while others go on writing to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from django.db import connection, connections

OnProgress = Callable[[str, int, int], None]
Bytes = bytes | memoryview
Stream = tuple[str, Iterator[Bytes]]

_ALIAS = "snapshot"


class Snapshot(NamedTuple):
    """What a database was at one moment: `alias` is the connection that sees it so, `streams` by
    name all that it takes to make it again, and `size` roughly how many bytes they have."""

    alias: str
    streams: Iterator[Stream]
    size: int


class Engine(Protocol):
    """What a backup has to know of a kind of database."""

    def size(self) -> int:
        """Roughly how many bytes of disk a snapshot and its streams take."""

    def snapshot(self, scratch: Path) -> AbstractContextManager[Snapshot]:
        """The database as it is now, while the block lasts; `scratch` may be written to."""

    def load(self, folder: Path, about: dict[str, Any], on_progress: OnProgress) -> list[str]:
        """Make the empty database what streams extracted to a folder say, all of it or nothing.

        Returns the names of tables that no migration has made, which are left out.
        """


def engine() -> Engine:
    """That of the database in use."""
    from . import postgresql, sqlite

    return {"sqlite": sqlite, "postgresql": postgresql}[connection.vendor]


@contextmanager
def second_connection(**changes: Any) -> Iterator[str]:
    """The alias of a connection to the database in use, or one that differs from it."""
    connections.databases[_ALIAS] = {**connection.settings_dict, "CONN_MAX_AGE": 0, **changes}
    try:
        yield _ALIAS
    finally:
        connections[_ALIAS].close()
        del connections[_ALIAS]
        del connections.databases[_ALIAS]
