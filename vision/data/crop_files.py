"""Crops of datasets as files: whole images, resized to what a network sees."""

import io

import numpy as np
from PIL import Image as Pillow

from vision.errors import VisionError
from vision.types import Image

from .utkface import Example


class ExampleUnreadable(VisionError):
    """An image of the dataset cannot be read any more."""

    code = "example_unreadable"


def read_crop(data: bytes, size: int) -> Image:
    """The whole image at `size` × `size`, bilinear with antialiasing, as the training resized it.

    Raises OSError where the image is broken.
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            small = image.convert("RGB").resize((size, size), Pillow.Resampling.BILINEAR)
    except (ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise OSError("The image is damaged.") from error
    return np.asarray(small)


def read_example(example: Example, size: int) -> Image:
    """The whole crop of an example as uint8 (size, size, 3). Raises ExampleUnreadable."""
    try:
        return read_crop(example.path.read_bytes(), size)
    except OSError as error:
        raise ExampleUnreadable(name=example.path.name) from error
