"""What people do to a picture before it comes into a dataset a second time."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps


def mirrored(image: Image.Image) -> Image.Image:
    return ImageOps.mirror(image)


def shifted(image: Image.Image) -> Image.Image:
    """By 3% of the side, 6 pixels of a UTKFace crop, the border repeated."""
    by = round(0.03 * image.width)
    pixels = np.pad(np.asarray(image), ((0, by), (0, by), (0, 0)), mode="edge")
    return Image.fromarray(pixels[by:, by:])


def recompressed(image: Image.Image) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=40)
    return Image.open(data).convert("RGB")


def scaled(image: Image.Image) -> Image.Image:
    """Larger by 5%, what goes beyond the border cut off."""
    side = image.width
    margin = side * (1 - 1 / 1.05) / 2
    box = (margin, margin, side - margin, side - margin)
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": mirrored,
    "shifted": shifted,
    "recompressed": recompressed,
    "scaled": scaled,
}


def saved(image: Image.Image, quality: int = 92) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return data.getvalue()
