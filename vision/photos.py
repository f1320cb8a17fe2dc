"""Bytes in, upright RGB pixels out; and the JPEGs that are kept and shown. No TensorFlow.

Only the bytes decide what a file is: names and declared types are never believed.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from .errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported, PhotoUnreadable
from .types import Box, Image

register_heif_opener(thumbnails=False)

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")

_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
_SRGB = ImageCms.createProfile("sRGB")


def read_photo(data: bytes, *, max_bytes: int, max_pixels: int) -> Pillow.Image:
    """The upright RGB image in `data`, wholly decoded, transparency laid on white.

    The first frame of an animation counts. Raises PhotoTooLarge (bytes or pixels, before
    anything is decoded), PhotoTypeUnsupported, PhotoUnreadable (broken or cut short).
    """
    if len(data) > max_bytes:
        raise PhotoTooLarge(
            f"The file is larger than {max_bytes // 2**20} MB. Please send a smaller one."
        )
    with _pillow_errors():
        image = _open(data)
        if image.width * image.height > max_pixels:
            raise PhotoTooLarge(
                f"The photo has more than {max_pixels // 1_000_000} megapixels. "
                "Please send a smaller version."
            )
        image.load()
        return _as_rgb(_upright(image))


def decode_upright(data: bytes, *, max_side: int | None = None) -> tuple[Image, tuple[int, int]]:
    """The upright pixels of a photo that `read_photo` accepted, and its full (width, height).

    With `max_side`, a JPEG is decoded at the smallest eighth of its size whose longer side is
    still at least `max_side` (the decoder skips the rest of the work); others come whole.
    Returns uint8 (height, width, 3) RGB. Raises PhotoUnreadable.
    """
    with _pillow_errors():
        image = _open(data)
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        if max_side is not None and image.format == "JPEG":
            share = max_side / max(image.size)
            image.draft("RGB", (round(image.width * share), round(image.height * share)))
        image.load()
        return np.asarray(_as_rgb(_upright(image))), (width, height)


def encode_jpeg(image: Pillow.Image, *, quality: int = 92) -> bytes:
    """A JPEG of an RGB image with nothing in it but the pixels."""
    data = io.BytesIO()
    bare = image.copy()
    bare.info.clear()  # Pillow writes comment, profile and EXIF from here
    bare.save(data, "JPEG", quality=quality, subsampling="4:4:4")
    return data.getvalue()


def make_thumbnail(image: Pillow.Image, side: int = 320) -> bytes:
    """A JPEG of the whole image, at most `side` pixels wide and high, never enlarged."""
    small = image.copy()
    small.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    return encode_jpeg(small, quality=85)


def crop_face(data: bytes, box: Box, *, side: int = 256, margin: float = 0.35) -> bytes:
    """A JPEG of the square around a face of a kept photo, with `margin` of its size on each side.

    At most `side` pixels wide; what lies outside the photo is left out, so that a face at the
    border gives a smaller square's part. Raises PhotoUnreadable.
    """
    half = max(box.width, box.height) * (0.5 + margin)
    x, y = box.x + box.width / 2, box.y + box.height / 2
    with _pillow_errors():
        image = _open(data)
        image.load()
        image = _as_rgb(_upright(image))
        crop = image.crop(
            (
                max(0, round(x - half)),
                max(0, round(y - half)),
                min(image.width, round(x + half)),
                min(image.height, round(y + half)),
            )
        )
        return make_thumbnail(crop, side)


def _open(data: bytes) -> Pillow.Image:
    try:
        return Pillow.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise PhotoTypeUnsupported(
            "This file is not a photo that can be read. "
            "Please send a JPEG, PNG, WebP, HEIC or AVIF file."
        ) from None


def _upright(image: Pillow.Image) -> Pillow.Image:
    return ImageOps.exif_transpose(image)


def _as_rgb(image: Pillow.Image) -> Pillow.Image:
    """8-bit RGB in sRGB, whatever the mode and the colour profile were."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, "white")
        return Pillow.alpha_composite(white, image).convert("RGB")
    return _in_srgb(image).convert("RGB")


def _eight_bits(image: Pillow.Image) -> Pillow.Image:
    """A 16-bit grey image scaled to 8 bits; a plain `convert` would clip it to white."""
    values = np.asarray(image).astype(np.float64)
    full_scale = 65535.0 if values.max(initial=0.0) > 255 else 255.0
    return Pillow.fromarray((values * (255.0 / full_scale)).clip(0, 255).astype(np.uint8))


def _in_srgb(image: Pillow.Image) -> Pillow.Image:
    """Colours in sRGB where an embedded profile says they are others (phones use Display P3)."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "CMYK", "L"}:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A broken profile changes the colours a little; it is no reason to refuse the photo.
        return image


@contextmanager
def _pillow_errors() -> Iterator[None]:
    """Whatever the decoders raise on broken bytes, as the one error people can act on."""
    try:
        yield
    except (PhotoError, MemoryError):
        raise
    except Pillow.DecompressionBombError:
        raise PhotoTooLarge(
            "The photo has far too many pixels. Please send a smaller version."
        ) from None
    except Exception:
        # Decoders raise anything on crafted bytes: OSError, SyntaxError, struct.error, …
        raise PhotoUnreadable(
            "The photo is damaged or was cut short. Please try to save or send it again."
        ) from None
