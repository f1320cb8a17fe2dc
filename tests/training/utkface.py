"""Small datasets in UTKFace's manner, made of noise that no two files share."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(seed: int, side: int = 64) -> bytes:
    """A picture of its own for every seed: large soft patches, as a face has."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(patches).resize((side, side), Image.Resampling.BICUBIC)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=95)
    return data.getvalue()


def random_files(count: int, seed: int = 0) -> dict[str, bytes]:
    """`count` files with UTKFace names, labels drawn at random."""
    rng = random.Random(seed)
    return {
        f"UTKFace/{rng.randint(0, 99)}_{rng.randint(0, 1)}_{rng.randint(0, 4)}_{n:017}"
        ".jpg.chip.jpg": jpeg(seed * 100_000 + n)
        for n in range(count)
    }


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path
