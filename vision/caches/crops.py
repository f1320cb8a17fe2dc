"""A selection's crops, decoded once into one array on disk.

A folder holds `crops.npy`, uint8 (N, side, side, 3) RGB, the whole crops of the training split and
then those of the validation split, and `examples.json`, which says what they are. The folder is
all that a training needs: where it is taken along, the images can stay where they are. The test
split is not in it.

While it is being written the array is called `crops.unfinished`; one that was cut off is gone on
with. `crops.npy` is whole.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.bundles.bundle import write_durably
from vision.crops.reading import Reading, measured, sample
from vision.data.utkface import Curated, Example, Labels
from vision.diskspace import DiskFull, free_bytes, full_disk_in_words, in_words
from vision.errors import VisionError
from vision.evaluation.evaluate import read_crop
from vision.types import Image

from .features import ExampleUnreadable

FORMAT_VERSION = 1
_ARRAY, _UNFINISHED, _EXAMPLES = "crops.npy", "crops.unfinished", "examples.json"
_CHUNK = 256  # rows between two syncs

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
    on_progress(0, len(examples))
    if not (folder / _ARRAY).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with full_disk_in_words():
            _write(folder, examples, side, on_progress, read or read_example)
            write_durably(folder / _EXAMPLES, _listed(curated, side).encode())
            (folder / _UNFINISHED).rename(folder / _ARRAY)
    on_progress(len(examples), len(examples))
    return open_crops(folder)


def open_crops(folder: Path) -> Crops:
    """What `decode_crops` left in a folder, on whatever machine. Raises CropsUnusable.

    The examples have no files: all that is needed of them is in the array.
    """
    try:
        listed = json.loads((folder / _EXAMPLES).read_text())
        pixels = np.load(folder / _ARRAY, mmap_mode="r")
        curated = _curated(listed)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CropsUnusable(
            f"The folder “{folder.name}” holds no decoded crops that can be read. Please delete "
            "it, so that they are decoded anew."
        ) from error
    count = len(curated.train)
    if len(pixels) != count + len(curated.validation) or pixels.dtype != np.uint8:
        raise CropsUnusable(
            f"The array in the folder “{folder.name}” does not fit its list. Please delete it, so "
            "that the crops are decoded anew."
        )
    return Crops(curated, pixels[:count], pixels[count:])


def _write(
    folder: Path, examples: Sequence[Example], side: int, on_progress: OnProgress, read: Read
) -> None:
    """Raises DiskFull where there is too little room, before anything is written."""
    header, row_bytes = _header(len(examples), side), 3 * side**2
    file = folder / _UNFINISHED
    done = _trusted_rows(file, len(header), row_bytes)
    needed, room = (len(examples) - done) * row_bytes, free_bytes(folder)
    if room < needed:
        raise DiskFull(
            f"The decoded crops need {in_words(needed)}, and there is room for {in_words(room)}. "
            "Please make room on the disk, or train at a smaller size."
        )
    with file.open("r+b" if done else "wb") as array:
        array.write(header)
        array.truncate(len(header) + done * row_bytes)
        array.seek(0, os.SEEK_END)
        for chunk in _decoded(examples[done:], side, read):
            array.write(chunk.tobytes())
            array.flush()
            os.fsync(array.fileno())
            done += len(chunk)
            on_progress(done, len(examples))


def _header(count: int, side: int) -> bytes:
    """How a .npy file of the array begins."""
    text = BytesIO()
    np.lib.format.write_array_header_1_0(
        text, {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 3)}
    )
    return text.getvalue()


def _trusted_rows(file: Path, header_bytes: int, row_bytes: int) -> int:
    """How many rows an array that was cut off holds for certain: its last chunk may be torn."""
    if not file.exists():
        return 0
    rows = (file.stat().st_size - header_bytes) // row_bytes
    return max(0, rows // _CHUNK - 1) * _CHUNK


def _decoded(examples: Sequence[Example], side: int, read: Read) -> Iterator[NDArray[np.uint8]]:
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(examples), _CHUNK):
            chunk = examples[start : start + _CHUNK]
            yield np.stack(list(pool.map(lambda example: read(example, side), chunk)))


def read_example(example: Example, size: int) -> Image:
    """The whole crop of an example as uint8 (size, size, 3). Raises ExampleUnreadable."""
    try:
        return read_crop(example.path.read_bytes(), size)
    except OSError as error:
        raise ExampleUnreadable(
            f"The image {example.path.name} cannot be read any more. Please import the dataset "
            "again."
        ) from error


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
        return [[e.digest, e.labels.age, e.labels.gender, e.labels.race] for e in examples]

    return json.dumps(
        {
            "format_version": FORMAT_VERSION,
            "side": side,
            "recipe": curated.recipe,
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
        return tuple(Example(digest, Path(), Labels(*rest)) for digest, *rest in listed[split])

    return Curated(
        recipe=listed["recipe"],
        seed=listed["seed"],
        fingerprint=listed["fingerprint"],
        train=examples("train"),
        validation=examples("validation"),
        test=(),
    )
