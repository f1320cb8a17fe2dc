"""Small pictures for tests of reading photos, and files of them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from vision.photos.decoding import read_photo

LIMITS: dict[str, Any] = {"max_bytes": 2**20, "max_pixels": 1_000_000}
UPRIGHT = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def read(data: bytes) -> Image.Image:
    """What `read_photo` makes of a file within `LIMITS`."""
    return read_photo(data, **LIMITS).image


def quarters(width: int = 60, height: int = 40) -> Image.Image:
    """Red, green, blue and white quarters, so that every turn shows."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (0, 0, width // 2, height // 2))
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    return image


def colours(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours of the four corners, row by row, each channel 0 or 1."""
    w, h = image.size
    points = [(3, 3), (w - 4, 3), (3, h - 4), (w - 4, h - 4)]
    pixels = np.asarray(image)
    return [tuple(int(v > 127) for v in pixels[y, x]) for x, y in points]


def stored_for(orientation: int) -> Image.Image:
    """`quarters` as a camera stores them that says EXIF orientation 1 to 8."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return quarters().transpose(turns[orientation]) if orientation > 1 else quarters()


def png_chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(kind + body)
    number = right if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", number)


def png_with(*chunks: bytes, image: Image.Image | None = None) -> bytes:
    """A PNG (of `quarters`) with chunks after its header."""
    png = encoded(image or quarters(), "PNG")
    after_header = 8 + 25
    return png[:after_header] + b"".join(chunks) + png[after_header:]
