"""An uploaded photo as it is kept: upright, without metadata, with a thumbnail."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .decoding import make_thumbnail, read_photo


@dataclass(frozen=True)
class Limits:
    """What one photo may be and cost.

    `bytes` of the file, `pixels` of the picture, `memory` in bytes beyond what a decoder has when
    it starts (Linux), `cpu_seconds` of one core or several, and `seconds` by the clock.
    """

    bytes: int
    pixels: int
    memory: int = 800 * 2**20
    cpu_seconds: int = 20
    seconds: int = 60


@dataclass(frozen=True)
class KeptPhoto:
    """A photo to be kept: its size in pixels, codes of warnings, and two JPEGs."""

    width: int
    height: int
    warnings: tuple[str, ...]
    image: bytes
    thumbnail: bytes


def prepare(
    data: bytes, limits: Limits, before_decoding: Callable[[int], None] = lambda _pixels: None
) -> KeptPhoto:
    """`before_decoding` is told the pixels when they are known.

    Raises a `PhotoError` for bytes that are no usable photo, and MemoryError.
    """
    read = read_photo(
        data,
        max_bytes=limits.bytes,
        max_pixels=limits.pixels,
        before_decoding=before_decoding,
    )
    image = read.image
    with ThreadPoolExecutor(1) as beside:  # Pillow lets other threads run while it works
        thumbnail = beside.submit(make_thumbnail, image)
        kept = read.as_jpeg()
        return KeptPhoto(image.width, image.height, read.warnings, kept, thumbnail.result())
