"""Bytes become upright sRGB pixels, or an error that says what to do."""

import io
import struct
import subprocess
import sys
import time
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, JpegImagePlugin

from tests.vision.pictures import (
    UPRIGHT,
    colours,
    encoded,
    png_chunk,
    quarters,
    read,
    stored_for,
)
from vision.errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported, PhotoUnreadable
from vision.photos import decoding
from vision.photos.decoding import (
    crop_face,
    decode_upright,
    encode_jpeg,
    make_thumbnail,
    read_photo,
)
from vision.photos.formats import FORMATS
from vision.photos.png import PNG_SIGNATURE
from vision.types import Box

FORMAT_NAMES = [*FORMATS]


@pytest.mark.parametrize("kind", FORMAT_NAMES)
def test_every_promised_format_is_read(kind: str) -> None:
    image = read(encoded(quarters(), kind, quality=95))
    assert (image.mode, image.size) == ("RGB", (60, 40))
    assert colours(image) == UPRIGHT


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "JPEG2000"])
def test_other_formats_are_refused_by_content(kind: str) -> None:
    with pytest.raises(PhotoTypeUnsupported, match="JPEG, PNG"):
        read(encoded(quarters(), kind))


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", b"<svg xmlns='x'/>", b"\x00" * 99])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoTypeUnsupported):
        read(data)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_every_exif_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored_for(orientation), kind, quality=95, exif=exif)
    image = read(data)
    assert (image.size, colours(image)) == ((60, 40), UPRIGHT)
    pixels, size = decode_upright(data)
    assert (size, colours(Image.fromarray(pixels))) == ((60, 40), UPRIGHT)


@pytest.mark.parametrize("kind", FORMAT_NAMES)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_photo_cut_short_is_an_error(kind: str, share: float, photo_bytes: bytes) -> None:
    data = encoded(Image.open(io.BytesIO(photo_bytes)), kind)
    with pytest.raises(PhotoError):
        read(data[: int(len(data) * share)])


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(PhotoTooLarge, match="MB"):
        read(b"x" * (2**20 + 1))


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims any size."""
    return (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(b"\x00" * 1000))
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(2000, 2000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_unpacked(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoTooLarge, match="pixels"):
        read(png_claiming(*size))


def test_the_limit_that_is_named_is_the_sites_own() -> None:
    for side in (10_000, 20_000):  # Pillow warns of the one and refuses the other by itself
        with pytest.raises(PhotoTooLarge, match="larger than 50 megapixels"):
            read_photo(png_claiming(side, side), max_bytes=2**20, max_pixels=50_000_000)


def test_a_refusal_is_not_preceded_by_a_decoders_warning() -> None:
    code = (
        "import sys\n"
        "from vision.errors import PhotoTooLarge\n"
        "from vision.photos.decoding import read_photo\n"
        "try:\n"
        "    read_photo(sys.stdin.buffer.read(), max_bytes=2**20, max_pixels=50_000_000)\n"
        "except PhotoTooLarge:\n"
        "    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=png_claiming(10_000, 10_000),
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"refused\n", b"")


@pytest.mark.parametrize("kind", FORMAT_NAMES)
def test_the_pixel_limit_holds_for_every_format(kind: str) -> None:
    with pytest.raises(PhotoTooLarge):
        read_photo(encoded(quarters(), kind), max_bytes=2**20, max_pixels=2399)


def test_a_polyglot_loses_its_other_half() -> None:
    data = encoded(quarters(), "JPEG") + b"PK\x03\x04<script>alert(1)</script>"
    kept = encode_jpeg(read(data))
    assert b"script" not in kept
    assert b"PK\x03\x04" not in kept


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (37.0, 33.0, 0.0)}
    exif[0x010F] = "SpyCam"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(quarters(), "JPEG", exif=exif, comment=b"secret", icc_profile=profile)
    assert b"SpyCam" in data
    kept = encode_jpeg(read(data))
    image = Image.open(io.BytesIO(kept))
    assert not image.getexif()
    assert not {"exif", "comment", "icc_profile", "xmp"} & image.info.keys()
    assert b"SpyCam" not in kept
    assert b"secret" not in kept


@pytest.mark.parametrize(
    ("kind", "stored", "kept"),
    [
        ("JPEG", "4:2:0", "4:2:0"),
        ("JPEG", "4:2:2", "4:4:4"),
        ("JPEG", "4:4:4", "4:4:4"),
        ("HEIF", "4:2:0", "4:2:0"),
        ("HEIF", "4:4:4", "4:4:4"),
        ("PNG", "", "4:4:4"),
    ],
)
def test_the_colour_of_a_large_photo_is_kept_as_fine_as_it_was(
    kind: str, stored: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_LEAST_QUARTER_CHROMA_PIXELS", 2400)
    assert sampling_kept(kind, stored) == kept


def test_the_colour_of_a_small_photo_is_kept_as_it_was_decoded() -> None:
    assert sampling_kept("JPEG", "4:2:0") == "4:4:4"


def sampling_kept(kind: str, stored: str) -> str:
    """How the photo that is kept of a file stores colour."""
    options = {"JPEG": {"subsampling": stored}, "HEIF": {"chroma": stored.replace(":", "")}}
    data = encoded(quarters(), kind, **options.get(kind, {}))
    kept = Image.open(io.BytesIO(read_photo(data, max_bytes=2**20, max_pixels=2400).as_jpeg()))
    assert isinstance(kept, JpegImagePlugin.JpegImageFile)
    return ("4:4:4", "4:2:2", "4:2:0")[JpegImagePlugin.get_sampling(kept)]


def test_transparency_is_laid_on_white() -> None:
    glass = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert read(encoded(glass, "PNG")).getpixel((4, 4)) == (255, 255, 255)


def test_palette_with_transparency_is_read() -> None:
    image = quarters().quantize(8)
    assert read(encoded(image, "PNG", transparency=0)).mode == "RGB"


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(1, 64)
    image = read(encoded(Image.fromarray(ramp), "PNG"))
    values = np.asarray(image)[0, :, 0].astype(int)
    assert values[0] == 0
    assert values[-1] == 255
    assert 120 <= values[32] <= 135


def test_cmyk_and_grey_become_rgb() -> None:
    for mode in ("CMYK", "L"):
        image = read(encoded(quarters().convert(mode), "JPEG"))
        assert image.mode == "RGB"


def test_an_animation_gives_its_first_frame() -> None:
    data = encoded(
        Image.new("RGB", (9, 9), "red"),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGB", (9, 9), "blue")],
        lossless=True,
    )
    assert read(data).getpixel((4, 4)) == (255, 0, 0)


def test_one_pixel_is_a_photo() -> None:
    image = read(encoded(Image.new("RGB", (1, 1)), "PNG"))
    assert image.size == (1, 1)
    assert make_thumbnail(image)


def test_a_large_jpeg_is_decoded_smaller_but_not_too_small(photo_bytes: bytes) -> None:
    large = encoded(Image.open(io.BytesIO(photo_bytes)).resize((2048, 1024)), "JPEG")
    pixels, full = decode_upright(large, least_side=500)
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


def test_a_large_face_is_cropped_from_a_reduced_photo(photo_bytes: bytes) -> None:
    with Image.open(io.BytesIO(photo_bytes)) as photo:
        large = photo.resize((2048, 2048))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(large.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    crop = np.asarray(Image.open(io.BytesIO(crop_face(data, Box(700, 250, 400, 400)))))
    half = 400 * 0.85
    around = (round(900 - half), round(450 - half), round(900 + half), round(450 + half))
    expected = np.asarray(large.crop(around).resize((256, 256), Image.Resampling.LANCZOS))
    assert crop.shape == expected.shape
    assert np.abs(crop.astype(int) - expected).mean() < 4


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"])
)
def test_random_bytes_raise_nothing_but_photo_errors(data: bytes, head: bytes) -> None:
    with pytest.raises(PhotoError):
        read(head + data)


def outcome(data: bytes) -> str:
    """The mode of a photo or the code of its error, found in bounded time."""
    started = time.process_time()
    try:
        found = read(data).mode
    except PhotoError as error:
        found = error.code
    assert time.process_time() - started < 2
    return found


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(FORMAT_NAMES))
def test_damaged_photos_are_read_or_refused_with_a_reason(data: Any, kind: str) -> None:
    photo = bytearray(encoded(quarters(), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        photo[data.draw(st.integers(0, len(photo) - 1))] = data.draw(st.integers(0, 255))
    kept = photo[: data.draw(st.integers(0, len(photo)))] if data.draw(st.booleans()) else photo
    ended = outcome(bytes(kept))
    assert ended == "RGB" or ended.startswith("photo_")


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(["progressive", "optimize", "restart_marker_blocks"]))
def test_damaged_jpegs_of_any_structure_are_too(data: Any, option: str) -> None:
    photo = bytearray(encoded(quarters(96, 96), "JPEG", **{option: 1}))
    for _ in range(data.draw(st.integers(0, 4))):
        photo[data.draw(st.integers(0, len(photo) - 1))] = data.draw(st.integers(0, 255))
    ended = outcome(bytes(photo[: data.draw(st.integers(0, len(photo)))]))
    assert ended == "RGB" or ended.startswith("photo_")


def test_an_unreadable_photo_says_what_to_do(photo_bytes: bytes) -> None:
    with pytest.raises(PhotoUnreadable, match="again"):
        read(photo_bytes[:5000])
