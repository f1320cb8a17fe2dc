"""Bytes become upright sRGB pixels, or an error that says what to do."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from vision.errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported, PhotoUnreadable
from vision.photos import crop_face, decode_upright, encode_jpeg, make_thumbnail, read_photo
from vision.types import Box

LIMITS = {"max_bytes": 2**20, "max_pixels": 1_000_000}


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


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


UPRIGHT = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_every_promised_format_is_read(kind: str) -> None:
    image = read_photo(encoded(quarters(), kind, quality=95), **LIMITS)
    assert (image.mode, image.size) == ("RGB", (60, 40))
    assert colours(image) == UPRIGHT


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_refused_by_content(kind: str) -> None:
    with pytest.raises(PhotoTypeUnsupported, match="JPEG, PNG"):
        read_photo(encoded(quarters(), kind), **LIMITS)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", b"<svg xmlns='x'/>", b"\x00" * 99])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoTypeUnsupported):
        read_photo(data, **LIMITS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quarters().transpose(turns[orientation]) if orientation > 1 else quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, "JPEG", quality=95, exif=exif)
    image = read_photo(data, **LIMITS)
    assert (image.size, colours(image)) == ((60, 40), UPRIGHT)
    pixels, size = decode_upright(data)
    assert (size, colours(Image.fromarray(pixels))) == ((60, 40), UPRIGHT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_photo_cut_short_is_an_error(kind: str, share: float, photo_bytes: bytes) -> None:
    data = encoded(Image.open(io.BytesIO(photo_bytes)), kind)
    with pytest.raises(PhotoError):
        read_photo(data[: int(len(data) * share)], **LIMITS)


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(PhotoTooLarge, match="MB"):
        read_photo(b"x" * (2**20 + 1), **LIMITS)


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(2000, 2000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_unpacked(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoTooLarge, match="pixels"):
        read_photo(png_claiming(*size), **LIMITS)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "WEBP", "JPEG"])
def test_the_pixel_limit_holds_for_every_format(kind: str) -> None:
    with pytest.raises(PhotoTooLarge):
        read_photo(encoded(quarters(), kind), max_bytes=2**20, max_pixels=2399)


def test_a_polyglot_loses_its_other_half() -> None:
    data = encoded(quarters(), "JPEG") + b"PK\x03\x04<script>alert(1)</script>"
    kept = encode_jpeg(read_photo(data, **LIMITS))
    assert b"script" not in kept
    assert b"PK\x03\x04" not in kept


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (37.0, 33.0, 0.0)}
    exif[0x010F] = "SpyCam"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(quarters(), "JPEG", exif=exif, comment=b"secret", icc_profile=profile)
    assert b"SpyCam" in data
    kept = encode_jpeg(read_photo(data, **LIMITS))
    image = Image.open(io.BytesIO(kept))
    assert not image.getexif()
    assert not {"exif", "comment", "icc_profile", "xmp"} & image.info.keys()
    assert b"SpyCam" not in kept
    assert b"secret" not in kept


def test_transparency_is_laid_on_white() -> None:
    glass = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert read_photo(encoded(glass, "PNG"), **LIMITS).getpixel((4, 4)) == (255, 255, 255)


def test_palette_with_transparency_is_read() -> None:
    image = quarters().quantize(8)
    assert read_photo(encoded(image, "PNG", transparency=0), **LIMITS).mode == "RGB"


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(1, 64)
    image = read_photo(encoded(Image.fromarray(ramp), "PNG"), **LIMITS)
    values = np.asarray(image)[0, :, 0].astype(int)
    assert values[0] == 0
    assert values[-1] == 255
    assert 120 <= values[32] <= 135


def test_cmyk_and_grey_become_rgb() -> None:
    for mode in ("CMYK", "L"):
        image = read_photo(encoded(quarters().convert(mode), "JPEG"), **LIMITS)
        assert image.mode == "RGB"


def test_an_animation_gives_its_first_frame() -> None:
    data = encoded(
        Image.new("RGB", (9, 9), "red"),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGB", (9, 9), "blue")],
        lossless=True,
    )
    assert read_photo(data, **LIMITS).getpixel((4, 4)) == (255, 0, 0)


def test_one_pixel_is_a_photo() -> None:
    image = read_photo(encoded(Image.new("RGB", (1, 1)), "PNG"), **LIMITS)
    assert image.size == (1, 1)
    assert make_thumbnail(image)


def test_a_large_jpeg_is_decoded_smaller_but_not_too_small(photo_bytes: bytes) -> None:
    large = encoded(Image.open(io.BytesIO(photo_bytes)).resize((2048, 1024)), "JPEG")
    pixels, full = decode_upright(large, max_side=600)
    assert full == (2048, 1024)
    assert pixels.shape[:2] == (512, 1024)
    whole, _ = decode_upright(large)
    assert whole.shape[:2] == (1024, 2048)


def test_a_thumbnail_fits_its_side_and_is_never_larger() -> None:
    tall = Image.open(io.BytesIO(make_thumbnail(Image.new("RGB", (100, 900)), side=300)))
    small = Image.open(io.BytesIO(make_thumbnail(Image.new("RGB", (20, 10)), side=300)))
    assert (tall.size, small.size) == ((33, 300), (20, 10))


@pytest.mark.parametrize("box", [Box(20, 10, 10, 10), Box(0, 0, 5, 5), Box(50, 30, 10, 10)])
def test_a_crop_stays_inside_the_photo(box: Box) -> None:
    crop = Image.open(io.BytesIO(crop_face(encoded(quarters(), "JPEG"), box)))
    assert 0 < crop.width <= 60
    assert 0 < crop.height <= 40


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"])
)
def test_random_bytes_raise_nothing_but_photo_errors(data: bytes, head: bytes) -> None:
    with pytest.raises(PhotoError):
        read_photo(head + data, **LIMITS)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["JPEG", "PNG", "WEBP", "HEIF", "AVIF"]))
def test_damaged_photos_are_read_or_refused_with_a_reason(data: Any, kind: str) -> None:
    photo = bytearray(encoded(quarters(), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        photo[data.draw(st.integers(0, len(photo) - 1))] = data.draw(st.integers(0, 255))
    try:
        mode = read_photo(bytes(photo), **LIMITS).mode
    except PhotoError as error:
        mode = error.code
    assert mode == "RGB" or mode.startswith("photo_")


def test_an_unreadable_photo_says_what_to_do(photo_bytes: bytes) -> None:
    with pytest.raises(PhotoUnreadable, match="again"):
        read_photo(photo_bytes[:5000], **LIMITS)
