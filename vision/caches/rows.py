"""Arrays of one shape, computed one after the other and kept on disk through any crash.

A folder holds `rows`, the arrays one after the other, and `index`, the name of each in the same
order: a SHA-256, of a content or of what stands for it, and a view of that. Rows are written and
synced before their names are, so that the index tells which rows are whole; what follows these is
cut off and computed again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vision.durable_files import flush

ENTRY = 33  # bytes of a name in the index: a SHA-256 and a view

Name = tuple[str, int]
"""A SHA-256 in hexadecimal, and a view of what it names (0 to 255)."""

_SYNC_ROWS = 128  # rows that a crash may cost


class RowStore:
    """The rows of a folder, each an array of `shape` and `dtype`."""

    def __init__(self, folder: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
        self._index, self._rows = folder / "index", folder / "rows"
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)
        self.row_bytes = self._dtype.itemsize * prod(shape)

    def __len__(self) -> int:
        """How many rows are whole."""
        if not (self._index.exists() and self._rows.exists()):
            return 0
        named = self._index.stat().st_size // ENTRY
        return min(named, self._rows.stat().st_size // self.row_bytes)

    def names(self) -> list[Name]:
        """The names of the rows that are whole, in their order."""
        if not (count := len(self)):
            return []
        entries = self._index.read_bytes()
        found = (entries[ENTRY * row : ENTRY * (row + 1)] for row in range(count))
        return [(entry[:-1].hex(), entry[-1]) for entry in found]

    def values(self) -> NDArray[Any]:
        """The rows that are whole, memory-mapped: (rows, *shape), of which there is one or more."""
        return np.memmap(self._rows, self._dtype, "r", shape=(len(self), *self._shape))

    @contextmanager
    def appending(self) -> Iterator["Appender"]:
        """Rows are added behind those that are whole; at the end all are on the disk."""
        kept = len(self)
        with self._index.open("ab") as index, self._rows.open("ab") as rows:
            index.truncate(kept * ENTRY)
            rows.truncate(kept * self.row_bytes)
            appender = Appender(index, rows)
            try:
                yield appender
            finally:
                appender.sync()

    def clear(self) -> None:
        """Delete all rows."""
        self._index.unlink(missing_ok=True)
        self._rows.unlink(missing_ok=True)


class Appender:
    """Writes rows first and their names after: no name stands for a row that is not whole."""

    def __init__(self, index: Any, rows: Any) -> None:
        self._index, self._rows = index, rows
        self._waiting: list[bytes] = []

    def add(self, names: Sequence[Name], rows: NDArray[Any]) -> None:
        """Rows (N, *shape) of N names."""
        self._rows.write(rows.tobytes())
        self._waiting += [bytes.fromhex(digest) + bytes([view]) for digest, view in names]
        if len(self._waiting) >= _SYNC_ROWS:
            self.sync()

    def sync(self) -> None:
        flush(self._rows)
        self._index.write(b"".join(self._waiting))
        flush(self._index)
        self._waiting.clear()
