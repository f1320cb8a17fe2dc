"""What the backbone makes of each image, computed once and kept on disk.

A store is a folder of rows (`vision.caches.rows`) for one backbone, cut, input size and precision:
features, float16. Rows belong to contents: another selection of the same images finds them all.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.bundles.bundle import Bundle
from vision.data.crop_files import read_example
from vision.data.utkface import Example
from vision.diskspace import DiskFull, free_bytes, full_disk_in_words, in_words, used_bytes

from .extractor import BATCH, Cut, Extractor, Features
from .feature_files import LOCK, FeaturesBusy, locked
from .rows import Name, RowStore

PLAIN, MIRRORED = 0, 1

Wanted = tuple[Example, int]
"""An image and a view of it."""


@contextmanager
def open_features(
    backbone: Bundle, cut: Cut, *, cache: Path, cache_bytes: int
) -> Iterator["FeatureStore"]:
    """The store of a backbone's features in the folder `cache`, not evicted while it is open.

    All stores of the folder together hold at most `cache_bytes`; those used longest ago make room.
    """
    cache.mkdir(parents=True, exist_ok=True)
    extractor = Extractor(backbone, cut)
    with locked(cache / f"{extractor.key}{LOCK}", fcntl.LOCK_SH) as lock:
        os.utime(lock)
        yield FeatureStore(extractor, cache, cache_bytes)


class FeatureStore:
    """The features of one extractor on disk; see `open_features`."""

    def __init__(self, extractor: Extractor, cache: Path, cache_bytes: int) -> None:
        self._extractor = extractor
        self._cache = cache
        self._cache_bytes = cache_bytes
        self.shape = extractor.shape
        folder = cache / extractor.key
        folder.mkdir(exist_ok=True)
        self._store = RowStore(folder, extractor.shape, np.float16)
        self._rows = self._known()

    @property
    def values(self) -> Features:
        """Every row there is, memory-mapped: float16 (rows, s, s, 512)."""
        return self._store.values()

    def rows(self, examples: Sequence[Example], view: int) -> NDArray[np.int64]:
        """Where the features of examples lie in `values`. KeyError for one not filled in."""
        return np.array([self._rows[example.digest, view] for example in examples], np.int64)

    def fill(
        self,
        wanted: Sequence[Wanted],
        on_progress: Callable[[int, int], None],
    ) -> None:
        """Compute what is missing.

        `on_progress` hears how many are done, of how many; what it raises stops the work, and
        what was done is kept. Raises DiskFull where there is too little room (as far as can be
        told, before anything is written), FeaturesBusy, ExampleUnreadable.
        """
        by_name = {(example.digest, view): (example, view) for example, view in wanted}
        missing = [by_name[name] for name in sorted(by_name.keys() - self._rows.keys())]
        total, done = len(by_name), len(by_name) - len(missing)
        on_progress(done, total)
        if not missing:
            return
        with locked(self._cache / "filling", fcntl.LOCK_EX), full_disk_in_words():
            self._make_room(len(missing) * self._store.row_bytes)
            with self._store.appending() as appender:
                for batch, crops in _decoded(missing, self._extractor.input_size):
                    names = [(example.digest, view) for example, view in batch]
                    appender.add(names, self._extractor(crops))
                    done += len(batch)
                    on_progress(done, total)
        self._rows = self._known()

    def _known(self) -> dict[Name, int]:
        return {name: row for row, name in enumerate(self._store.names())}

    def _make_room(self, needed: int) -> None:
        """Raises DiskFull where even without the stores not in use there is too little."""
        locks = sorted(self._cache.glob(f"*{LOCK}"), key=lambda lock: lock.stat().st_mtime)
        for lock in locks:
            if self._room() < needed:
                _evict(lock)
        if (room := self._room()) < needed:
            raise DiskFull(
                "features",
                needed=in_words(needed),
                room=in_words(room),
                allowed=in_words(self._cache_bytes),
            )

    def _room(self) -> int:
        free = self._cache_bytes - used_bytes(self._cache)
        return max(0, min(free, free_bytes(self._cache)))


def _evict(lock: Path) -> None:
    """Delete a store unless somebody has it open."""
    try:
        with locked(lock, fcntl.LOCK_EX):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    except FeaturesBusy:
        return


def _decoded(
    wanted: Sequence[Wanted], size: int
) -> Iterator[tuple[Sequence[Wanted], NDArray[np.uint8]]]:
    """Batches with their crops; the next is decoded while the backbone works on this one."""
    batches = [wanted[i : i + BATCH] for i in range(0, len(wanted), BATCH)]
    with ThreadPoolExecutor(max_workers=2) as pool:

        def start(batch: Sequence[Wanted]) -> list[Future[NDArray[np.uint8]]]:
            return [pool.submit(_read, one, size) for one in batch]

        ahead = start(batches[0])
        for batch, following in zip(batches, [*batches[1:], []], strict=True):
            current, ahead = ahead, start(following)
            yield batch, np.stack([crop.result() for crop in current])


def _read(wanted: Wanted, size: int) -> NDArray[np.uint8]:
    example, view = wanted
    crop = read_example(example, size)
    return crop[:, ::-1] if view == MIRRORED else crop
