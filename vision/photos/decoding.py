"""Bytes in, upright RGB pixels out; and the JPEGs that are kept and shown. No TensorFlow.

Only the bytes decide what a file is: names and declared types are never believed.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageFile, ImageOps, JpegImagePlugin

from vision.errors import PhotoError, PhotoTooLarge, PhotoUnreadable
from vision.messages import Message
from vision.types import Box, Image

from .formats import OpenedPhoto, open_photo
from .jpeg import missing_share

CUT_SHORT = "photo_cut_short"

# At most; a photo of 230 rows lacks as much where it lacks its last row of blocks.
_MOST_MISSING = 0.07
_LONGEST_SIDE = 65_500  # a JPEG, as which the photo is kept, holds no more
_MOST_ELONGATED = 100  # times as long as wide; no face is found in what is thinner still
_ROWS = 64
_MOST_RUN_LENGTH_PIXELS = 4_000_000  # Pillow unpacks such bitmaps in Python: 250 ns a pixel

_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
_SRGB = ImageCms.createProfile("sRGB")
_LAB = ImageCms.createProfile("LAB")
# What cameras and instruments measure in, whatever they store it in.
_DEPTHS = (8, 10, 12, 14, 16)
# How a JPEG stores colour: for every pixel, or once for each two by two of them.
_FULL_CHROMA, _QUARTER_CHROMA = "4:4:4", "4:2:0"
_PILLOW_QUARTER_CHROMA = 2  # what `get_sampling` says of it
# What is read as 4:2:0 and written so again loses a little colour, which faces of less than some
# 150 pixels show in their ages, and saves a third of the time. Photos of fewer pixels take little
# time and have small faces. Measured in docs/experiments/decoding.md.
_LEAST_QUARTER_CHROMA_PIXELS = 6_000_000


@dataclass(frozen=True)
class ReadPhoto:
    """An upright RGB image, and codes of what its sender should know of the file.

    `chroma` is how finely colour is to be kept: "4:2:0" where a large file stores it so, and else
    "4:4:4".
    """

    image: Pillow.Image
    warnings: tuple[str, ...] = ()
    chroma: str = _FULL_CHROMA

    def as_jpeg(self) -> bytes:
        """The photo as it is kept: its pixels and nothing else."""
        return encode_jpeg(self.image, chroma=self.chroma)


def read_photo(
    data: bytes,
    *,
    max_bytes: int,
    max_pixels: int,
    before_decoding: Callable[[int], None] = lambda _pixels: None,
) -> ReadPhoto:
    """The upright RGB image in `data`, decoded once and wholly, transparency laid on white.

    The first frame or page counts. A JPEG that was cut short is grey where up to 7% of its rows
    are missing, and has the warning CUT_SHORT. `before_decoding` is told the pixels when they are
    known. Raises PhotoTooLarge (bytes, pixels or shape, before anything is decoded),
    PhotoTypeUnsupported, PhotoUnreadable (broken, or more is missing).
    """
    if len(data) > max_bytes:
        raise PhotoTooLarge(limit=Message("megabytes", {"count": max_bytes // 2**20}))
    with _pillow_errors(max_pixels):
        opened = open_photo(data)
        _check_size(opened.image, max_pixels)
        before_decoding(opened.image.width * opened.image.height)
        chroma = _chroma(opened.image)
        warnings = _load(opened)
        return ReadPhoto(_as_rgb(_upright(opened.image)), warnings, chroma)


def decode_upright(data: bytes, *, least_side: int | None = None) -> tuple[Image, tuple[int, int]]:
    """The upright pixels of a photo that `read_photo` accepted, and its full (width, height).

    `least_side` and errors as in `upright_image`. Returns uint8 (height, width, 3) RGB.
    """
    image, size = upright_image(data, least_side=least_side)
    return np.asarray(image), size


def upright_image(
    data: bytes, *, least_side: int | None = None
) -> tuple[Pillow.Image, tuple[int, int]]:
    """A photo that `read_photo` accepted as an upright RGB image, and its full (width, height).

    With `least_side`, a JPEG is decoded at a half, a quarter or an eighth of its size, the smallest
    whose shorter side is still at least `least_side` (the decoder skips the rest of the work);
    others come whole. Raises PhotoUnreadable.
    """
    with _pillow_errors():
        opened = open_photo(data)
        share = 1.0 if least_side is None else least_side / min(opened.image.size)
        return _upright_at(opened, share)


def _upright_at(opened: OpenedPhoto, share: float) -> tuple[Pillow.Image, tuple[int, int]]:
    """See `upright_image`; a JPEG is decoded at `share` of its size or somewhat more."""
    image = opened.image
    width, height = image.size
    # A TIFF's size is told as it is upright.
    if image.format != "TIFF" and image.getexif().get(_ORIENTATION) in _SIDEWAYS:
        width, height = height, width
    if share < 1 and image.format == "JPEG":
        least = max(1, round(image.width * share)), max(1, round(image.height * share))
        image.draft("RGB", least)
    _load(opened)
    return _as_rgb(_upright(image)), (width, height)


def encode_jpeg(image: Pillow.Image, *, quality: int = 92, chroma: str = _FULL_CHROMA) -> bytes:
    """A JPEG of an RGB image with nothing in it but the pixels; `chroma` as in `ReadPhoto`."""
    data = io.BytesIO()
    nothing: Any = {"exif": b"", "comment": b"", "icc_profile": None, "xmp": None}
    image.save(data, "JPEG", quality=quality, subsampling=chroma, **nothing)
    return data.getvalue()


def make_thumbnail(image: Pillow.Image, side: int = 320) -> bytes:
    """A JPEG of the whole image, at most `side` pixels wide and high, never enlarged."""
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Pillow.Resampling.HAMMING, reducing_gap=2.0)
    return encode_jpeg(small, quality=85)


def crop_face(
    data: bytes,
    box: Box,
    *,
    side: int = 256,
    margin: float = 0.35,
    before_decoding: Callable[[int], None] = lambda _pixels: None,
) -> bytes:
    """A JPEG of the square around a face of a kept photo, with `margin` of its size on each side.

    At most `side` pixels wide; what lies outside the photo is left out, so that a face at the
    border gives a smaller square's part. `before_decoding` is told the photo's pixels. Raises
    PhotoUnreadable.
    """
    half = max(box.width, box.height) * (0.5 + margin)
    x, y = box.x + box.width / 2, box.y + box.height / 2
    with _pillow_errors():
        opened = open_photo(data)
        before_decoding(opened.image.width * opened.image.height)
        image, (width, _height) = _upright_at(opened, side / max(side, 2 * half))
        scale = image.width / width
        crop = image.crop(
            (
                max(0, round((x - half) * scale)),
                max(0, round((y - half) * scale)),
                min(image.width, round((x + half) * scale)),
                min(image.height, round((y + half) * scale)),
            )
        )
        return make_thumbnail(crop, side)


def redraw(
    data: bytes,
    draw: Callable[[Pillow.Image], None],
    *,
    before_decoding: Callable[[int], None] = lambda _pixels: None,
) -> bytes:
    """A JPEG of a kept photo, whole, with something drawn onto its upright RGB image.

    `before_decoding` is told the photo's pixels. Raises PhotoUnreadable.
    """
    with _pillow_errors():
        opened = open_photo(data)
        before_decoding(opened.image.width * opened.image.height)
        chroma = _chroma(opened.image)
        image, _size = _upright_at(opened, 1.0)
    draw(image)
    return encode_jpeg(image, chroma=chroma)


def _check_size(image: ImageFile.ImageFile, max_pixels: int) -> None:
    if image.tile and image.tile[0].codec_name == "bmp_rle":
        max_pixels = min(max_pixels, _MOST_RUN_LENGTH_PIXELS)
    if image.width * image.height > max_pixels:
        raise PhotoTooLarge(limit=_megapixels(max_pixels))
    if max(image.size) > _LONGEST_SIDE:
        raise PhotoTooLarge(limit=Message("pixels_a_side", {"count": _LONGEST_SIDE}))
    if max(image.size) > _MOST_ELONGATED * min(image.size):
        raise PhotoTooLarge("elongated", limit=_MOST_ELONGATED)


def _chroma(image: ImageFile.ImageFile) -> str:
    """How finely the colour of a file is to be kept; JPEG and HEIC say how they store it."""
    if image.width * image.height < _LEAST_QUARTER_CHROMA_PIXELS:
        return _FULL_CHROMA
    stored = image.info.get("chroma") == 420
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        stored = JpegImagePlugin.get_sampling(image) == _PILLOW_QUARTER_CHROMA
    return _QUARTER_CHROMA if stored else _FULL_CHROMA


def _megapixels(count: int) -> Message:
    return Message("megapixels", {"count": count // 1_000_000})


def _load(opened: OpenedPhoto) -> tuple[str, ...]:
    """Decode a photo; the warnings. Raises PhotoUnreadable where too much of it is missing."""
    opened.image.load()
    missing = missing_share(opened.jpeg, opened.image) if opened.jpeg else None
    if missing is None:
        return ()
    if missing > _MOST_MISSING:
        raise PhotoUnreadable()
    return (CUT_SHORT,)


def _upright(image: Pillow.Image) -> Pillow.Image:
    """The image itself, turned; large photos are not in memory twice."""
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _as_rgb(image: Pillow.Image) -> Pillow.Image:
    """8-bit RGB in sRGB, whatever the mode and the colour profile were."""
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        return _on_white(image)
    image = _in_srgb(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Pillow.Image) -> Pillow.Image:
    """A few rows at a time: all at once would need the memory of four photos."""
    white = Pillow.new("RGB", image.size, "white")
    for top in range(0, image.height, _ROWS):
        rows = image.crop((0, top, image.width, min(top + _ROWS, image.height))).convert("RGBA")
        white.paste(rows, (0, top), rows)
    return white


def _eight_bits(image: Pillow.Image) -> Pillow.Image:
    """A 16-bit grey image scaled to 8 bits from the depth that its brightest pixel needs.

    A plain `convert` would clip it to white; 10 or 12 bits, scaled from 16, would be black.
    """
    values = np.asarray(image)
    brightest = int(values.max(initial=0))
    depth = next(depth for depth in _DEPTHS if brightest < 1 << depth)
    return Pillow.fromarray((values >> (depth - 8)).astype(np.uint8))


def _in_srgb(image: Pillow.Image) -> Pillow.Image:
    """Colours in sRGB where an embedded profile says they are others (phones use Display P3)."""
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":
        return ImageCms.profileToProfile(image, _LAB, _SRGB, outputMode="RGB") or image
    if not profile or image.mode not in {"RGB", "CMYK", "L"}:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A broken profile changes the colours a little; it is no reason to refuse the photo.
        return image


@contextmanager
def _pillow_errors(max_pixels: int | None = None) -> Iterator[None]:
    """Whatever the decoders raise on broken bytes, as the one error people can act on.

    `max_pixels` is the limit to name where Pillow's own is met, unless that one is lower.
    """
    try:
        yield
    except (PhotoError, MemoryError):
        raise
    except Pillow.DecompressionBombError:
        most = 2 * (Pillow.MAX_IMAGE_PIXELS or 0)
        raise PhotoTooLarge(limit=_megapixels(min(most, max_pixels or most))) from None
    except Exception:
        # Decoders raise anything on crafted bytes: OSError, SyntaxError, struct.error, …
        raise PhotoUnreadable() from None
