"""What travels to a borrowed machine: a recipe, and the crops that it learns from and validates on.

A parcel is a folder: `parcel.json` (the recipe, which data, and the sizes and SHA-256 sums of the
rest), `examples.json` (the labels), `crops-1.bin` (WebP images one after the other) and
`wheels/`. Where it is too large to travel at once, `crops-2.bin` is in a second folder. The test
split is not in it, nor what the images are called.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from vision.attributes import ATTRIBUTES
from vision.data.crop_files import read_example
from vision.data.utkface import Curated, Example
from vision.training.network_recipes import NetworkRecipe

from ..errors import VisionError
from ..types import Image

FORMAT_VERSION = 1
PARCEL, EXAMPLES, WHEELS = "parcel.json", "examples.json", "wheels"
_CHUNK = 256  # images between two words of progress

OnProgress = Callable[[int, int], None]


class ParcelUnusable(VisionError):
    """A folder that should be a parcel is none, or not whole."""

    code = "parcel_unusable"


@dataclass(frozen=True)
class Parcel:
    """A verified parcel. Examples of `curated` have no files, and their number for a digest;
    `about` is `parcel.json`, `fingerprint` its SHA-256."""

    recipe: NetworkRecipe
    curated: Curated
    about: Mapping[str, Any]
    fingerprint: str
    images: Sequence[bytes]

    def read(self, example: Example, size: int) -> Image:
        """The whole crop of an example as uint8 (size, size, 3)."""
        with Pillow.open(io.BytesIO(self.images[int(example.digest)]), formats=("WEBP",)) as image:
            crop = image.convert("RGB")
        if crop.size != (size, size):
            crop = crop.resize((size, size), Pillow.Resampling.BILINEAR)
        return np.asarray(crop)


def encoded(curated: Curated, side: int, quality: int, on_progress: OnProgress) -> list[bytes]:
    """The crops of the training split, then of the validation split, at `side` × `side` pixels, as
    WebP of a quality from 1 to 100.

    The same files and version of Pillow give the same bytes. Raises ExampleUnreadable, and what
    `on_progress` raises.
    """
    examples, images = [*curated.train, *curated.validation], list[bytes]()
    on_progress(0, len(examples))
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(examples), _CHUNK):
            images += pool.map(
                partial(_encoded, side=side, quality=quality), examples[start : start + _CHUNK]
            )
            on_progress(len(images), len(examples))
    return images


def _encoded(example: Example, side: int, quality: int) -> bytes:
    data = io.BytesIO()
    Pillow.fromarray(read_example(example, side)).save(data, "WEBP", quality=quality, method=6)
    return data.getvalue()


def write_parcel(
    folder: Path,
    recipe: NetworkRecipe,
    curated: Curated,
    images: Sequence[bytes],
    *,
    dataset: str,
    quality: int,
    first: int,
) -> None:
    """Write a parcel into a folder that is there, whose wheels are in it already.

    As many images as fit into `first` bytes are in it; what is left goes to `second_folder`.
    """
    cut = sum(1 for end in accumulate(map(len, images)) if end <= first)
    _write_examples(folder / EXAMPLES, curated, images)
    (folder / _crops(1)).write_bytes(b"".join(images[:cut]))
    if cut < len(images):
        second_folder(folder).mkdir()
        (second_folder(folder) / _crops(2)).write_bytes(b"".join(images[cut:]))
    about = {
        "format_version": FORMAT_VERSION,
        "recipe": recipe.as_json(),
        "data": {
            "dataset": dataset,
            "recipe": curated.policy,
            "seed": curated.seed,
            "fingerprint": curated.fingerprint,
            "counts": {"train": len(curated.train), "validation": len(curated.validation)},
        },
        "side": recipe.decoded_side,
        "quality": quality,
        "files": _files([folder, second_folder(folder)]),
    }
    (folder / PARCEL).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def second_folder(folder: Path) -> Path:
    """Where what one parcel has no room for lies."""
    return folder.with_name(f"{folder.name}-2")


def read_about(folder: Path) -> tuple[dict[str, Any], str]:
    """`parcel.json` of a parcel, and its SHA-256. Raises ParcelUnusable."""
    try:
        text = (folder / PARCEL).read_bytes()
        about: dict[str, Any] = json.loads(text)
        known = about["format_version"] == FORMAT_VERSION
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ParcelUnusable(name=folder.name) from error
    if not known:
        raise ParcelUnusable("version", name=folder.name)
    return about, hashlib.sha256(text).hexdigest()


def open_parcel(folders: Sequence[Path]) -> Parcel:
    """A parcel, from one folder or two in any order, every file verified. Raises ParcelUnusable."""
    main = next((folder for folder in folders if (folder / PARCEL).exists()), folders[0])
    about, fingerprint = read_about(main)
    files = {name: _verified(name, told, folders) for name, told in about["files"].items()}
    listed = json.loads(files[EXAMPLES].read_text())
    crops = b"".join(files[name].read_bytes() for name in sorted(files) if name in _CROPS)
    ends = [0, *accumulate(listed["bytes"])]
    return Parcel(
        NetworkRecipe.from_json(about["recipe"]),
        _curated(listed, about["data"]),
        about,
        fingerprint,
        [crops[start:end] for start, end in pairwise(ends)],
    )


def _verified(name: str, told: Mapping[str, Any], folders: Sequence[Path]) -> Path:
    for folder in folders:
        file = folder / name
        if file.exists() and _recorded(file) == told:
            return file
    raise ParcelUnusable("file", name=name)


def _crops(number: int) -> str:
    return f"crops-{number}.bin"


_CROPS = (_crops(1), _crops(2))


def _files(folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Every file of the folders, by its name in them."""
    found: Iterator[tuple[Path, Path]] = (
        (folder, file) for folder in folders for file in folder.rglob("*") if file.is_file()
    )
    return {file.relative_to(folder).as_posix(): _recorded(file) for folder, file in found}


def _recorded(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _write_examples(file: Path, curated: Curated, images: Sequence[bytes]) -> None:
    labels = [example.labels for example in (*curated.train, *curated.validation)]
    columns = {
        **{name: [one.get(name) for one in labels] for name in ATTRIBUTES},
        "bytes": [len(image) for image in images],
    }
    file.write_text(json.dumps(columns, separators=(",", ":")))


def _curated(listed: Mapping[str, list[Any]], data: Mapping[str, Any]) -> Curated:
    names = [name for name in ATTRIBUTES if name in listed]
    rows = zip(*(listed[name] for name in names), strict=True)
    examples = tuple(
        Example(
            str(i),
            Path(),
            {n: value for n, value in zip(names, row, strict=True) if value is not None},
        )
        for i, row in enumerate(rows)
    )
    train = data["counts"]["train"]
    return Curated(
        policy=data["recipe"],
        seed=data["seed"],
        fingerprint=data["fingerprint"],
        train=examples[:train],
        validation=examples[train:],
        test=(),
    )
