"""Images that a head can learn from in seconds, and a backbone that computes them quickly."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vision.bundles.bundle import Bundle, load_bundle
from vision.data.utkface import Curated, Example, utkface_labels

STARTER = Path(__file__).parents[2] / "weights" / "starter"
SIZE = 48
ROW_BYTES = 2 * 512  # pool5 of 48 pixels is one position of 512 halves


def small_backbone() -> Bundle:
    """The shipped model, at the smallest input that its graph takes; nothing is said of how its
    crops are read, which suits photos and not what `make_example` draws."""
    bundle = load_bundle(STARTER)
    manifest = {key: value for key, value in bundle.manifest.items() if key != "reading"}
    return Bundle({**manifest, "input_size": SIZE}, bundle.tensors)


def random_crops(count: int, size: int = SIZE) -> NDArray[np.uint8]:
    """Crops (count, size, size, 3) of noise, the same every time."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def make_example(folder: Path, number: int, *, lopsided: bool = False) -> Example:
    """A picture whose tint tells the gender, whose light the race, and whose dark part the age;
    one that is lopsided looks another way in the mirror."""
    rng = np.random.default_rng(number)
    gender, race, age = number % 2, number % 5, int(rng.integers(1, 90))
    pixels = rng.integers(0, 30, (SIZE, SIZE, 3)) + 40 + 35 * race
    pixels[..., 2 if gender else 0] = 20
    pixels[: age * SIZE // 100] //= 4
    if lopsided:
        pixels[:, : SIZE // 2] = rng.integers(0, 255, 3)
    file = folder / f"{number}.png"
    Image.fromarray(pixels.astype(np.uint8)).save(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Example(digest, file, utkface_labels(age, gender, race))


def make_curated(
    folder: Path, train: int = 96, validation: int = 40, *, lopsided: bool = False
) -> Curated:
    folder.mkdir(parents=True, exist_ok=True)
    examples = tuple(
        make_example(folder, number, lopsided=lopsided) for number in range(train + validation)
    )
    return Curated("full", 0, f"{train}-{validation}", examples[:train], examples[train:], ())
