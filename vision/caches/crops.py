"""A selection's crops, decoded once and kept on disk.

A folder holds rows (`vision.caches.rows`), uint8 (side, side, 3) RGB, the whole crops of the
training split and then those of the validation split, and `examples.json`, which says what they
are. The folder is all that a training needs: where it is taken along, the images can stay where
they are. The test split is not in it. Rows that were cut off are gone on with.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.attributes import SHIPPED, Labels
from vision.crops.reading import Reading, measured, sample
from vision.data.crop_files import read_example
from vision.data.utkface import Curated, Example, utkface_labels
from vision.diskspace import DiskFull, free_bytes, full_disk_in_words, in_words
from vision.durable_files import replace_durably
from vision.errors import VisionError
from vision.types import Image

from .rows import Name, RowStore

FORMAT_VERSION = 1
_EXAMPLES = "examples.json"
# Of releases that kept crops as one array; nothing reads it any more.
_FORMER_ARRAYS = ("crops.npy", "crops.unfinished")
_CHUNK = 256  # crops that are decoded side by side

OnProgress = Callable[[int, int], None]
Read = Callable[[Example, int], Image]


class CropsUnusable(VisionError):
    """A folder that should hold decoded crops does not."""

    code = "crops_unusable"


@dataclass(frozen=True)
class Crops:
    """`train` and `validation` are uint8 (N, side, side, 3) on disk, in the order of `curated`,
    whose test split is empty."""

    curated: Curated
    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]


def crops_folder(curated: Curated, side: int, cache: Path) -> Path:
    """Where the crops of a selection lie in a cache, decoded at a size."""
    return cache / f"{curated.fingerprint[:32]}-{side}"


def decode_crops(
    curated: Curated,
    side: int,
    cache: Path,
    on_progress: OnProgress,
    read: Read | None = None,
) -> Crops:
    """The crops of a selection at `side` × `side` pixels, decoded where the cache lacks them.

    `on_progress` hears how many are done, of how many; what it raises stops the work, and what
    was done is kept. `read` is `read_example` where the examples have files. Raises DiskFull,
    ExampleUnreadable, CropsUnusable.
    """
    folder = crops_folder(curated, side, cache)
    examples = [*curated.train, *curated.validation]
    rows = RowStore(folder, (side, side, 3), np.uint8)
    known = rows.names()
    on_progress(len(known), len(examples))
    if len(known) < len(examples):
        folder.mkdir(parents=True, exist_ok=True)
        for former in _FORMER_ARRAYS:
            (folder / former).unlink(missing_ok=True)
        if known != [_name(example) for example in examples[: len(known)]]:
            rows.clear()
        _check_room(folder, (len(examples) - len(rows)) * rows.row_bytes)
        with full_disk_in_words():
            replace_durably(folder / _EXAMPLES, _listed(curated, side).encode())
            _write(rows, examples, side, on_progress, read or read_example)
    on_progress(len(examples), len(examples))
    return open_crops(folder)


def open_crops(folder: Path) -> Crops:
    """What `decode_crops` left in a folder, on whatever machine. Raises CropsUnusable.

    The examples have no files: all that is needed of them is in the rows.
    """
    try:
        listed = json.loads((folder / _EXAMPLES).read_text())
        curated, side = _curated(listed), int(listed["side"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CropsUnusable(name=folder.name) from error
    rows = RowStore(folder, (side, side, 3), np.uint8)
    if rows.names() != [_name(example) for example in (*curated.train, *curated.validation)]:
        raise CropsUnusable("rows", name=folder.name)
    pixels, count = rows.values(), len(curated.train)
    return Crops(curated, pixels[:count], pixels[count:])


def _write(
    rows: RowStore, examples: Sequence[Example], side: int, on_progress: OnProgress, read: Read
) -> None:
    names = [_name(example) for example in examples]
    done = len(rows)
    with rows.appending() as appender:
        for chunk in _decoded(examples[done:], side, read):
            appender.add(names[done : done + len(chunk)], chunk)
            done += len(chunk)
            on_progress(done, len(examples))


def _name(example: Example) -> Name:
    """Of its digest, which is none of its content where it travelled without that."""
    return hashlib.sha256(example.digest.encode()).hexdigest(), 0


def _check_room(folder: Path, needed: int) -> None:
    """Raises DiskFull where there is too little room, before anything is written."""
    if (room := free_bytes(folder)) < needed:
        raise DiskFull("crops", needed=in_words(needed), room=in_words(room))


def _decoded(examples: Sequence[Example], side: int, read: Read) -> Iterator[NDArray[np.uint8]]:
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(examples), _CHUNK):
            chunk = examples[start : start + _CHUNK]
            yield np.stack(list(pool.map(lambda example: read(example, side), chunk)))


def measured_reading(examples: Sequence[Example], size: int) -> Reading:
    """How a network that learns from examples at an input size should read its crops.

    Raises ExampleUnreadable.
    """
    return measured(read_example(examples[i], size) for i in sample(len(examples)))


def whole(crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crops (N, S, S, 3) as they are, resized to (N, size, size, 3) as for an estimate."""
    resample = Pillow.Resampling.BILINEAR
    return np.stack(
        [np.asarray(Pillow.fromarray(crop).resize((size, size), resample)) for crop in crops]
    )


def _listed(curated: Curated, side: int) -> str:
    def rows(examples: Sequence[Example]) -> list[list[Any]]:
        return [[example.digest, dict(example.labels)] for example in examples]

    return json.dumps(
        {
            "format_version": FORMAT_VERSION,
            "side": side,
            "recipe": curated.policy,
            "seed": curated.seed,
            "fingerprint": curated.fingerprint,
            "train": rows(curated.train),
            "validation": rows(curated.validation),
        }
    )


def _curated(listed: dict[str, Any]) -> Curated:
    if listed["format_version"] != FORMAT_VERSION:
        raise ValueError("The list has another format.")

    def examples(split: str) -> tuple[Example, ...]:
        return tuple(Example(digest, Path(), _labels(said)) for digest, *said in listed[split])

    return Curated(
        policy=listed["recipe"],
        seed=listed["seed"],
        fingerprint=listed["fingerprint"],
        train=examples("train"),
        validation=examples("validation"),
        test=(),
    )


def _labels(said: Sequence[Any]) -> Labels:
    """By attribute; releases that knew three attributes wrote their three numbers."""
    if len(said) == len(SHIPPED):
        return utkface_labels(*said)
    labels: Labels = said[0]
    return labels
