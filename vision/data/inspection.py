"""What one image of a dataset is like: size, brightness, sharpness and a perceptual hash."""

from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.photos.decoding import make_thumbnail, read_photo

_LARGEST_BYTES = 20 * 2**20
_LARGEST_PIXELS = 25_000_000


@dataclass(frozen=True)
class Facts:
    """Pixels; mean luma in 0..255; variance of the Laplacian (the lower, the more blurred); and a
    64-bit DCT hash (pHash) as an unsigned integer."""

    width: int
    height: int
    brightness: float
    sharpness: float
    perceptual_hash: int


def inspect(data: bytes) -> Facts:
    """Decode an image wholly and describe it. Raises a `vision.errors.PhotoError`."""
    image = _read(data)
    grey = image.convert("L")
    luma = np.asarray(grey, np.int16)
    return Facts(
        width=image.width,
        height=image.height,
        brightness=round(float(luma.mean()), 2),
        sharpness=round(laplacian_variance(luma), 2),
        perceptual_hash=_perceptual_hash(grey),
    )


def as_thumbnail(data: bytes, side: int = 200) -> bytes:
    """A JPEG of an image to look at, whatever it was stored as. Raises a PhotoError."""
    return make_thumbnail(_read(data), side)


def _read(data: bytes) -> Pillow.Image:
    return read_photo(data, max_bytes=_LARGEST_BYTES, max_pixels=_LARGEST_PIXELS).image


def laplacian_variance(luma: NDArray[np.int16]) -> float:
    """The variance of the 4-neighbour Laplacian of luma (H, W), 0 for an image without inside.

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".
    """
    inner = luma[1:-1, 1:-1]
    if not inner.size:
        return 0.0
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    return float(np.var(around - 4 * inner))


def _perceptual_hash(grey: Pillow.Image) -> int:
    bits = imagehash.phash(grey).hash.ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
