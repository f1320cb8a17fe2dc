"""What else a PNG carries neither decides nor costs memory."""

import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.vision.pictures import (
    UPRIGHT,
    colours,
    encoded,
    png_chunk,
    png_with,
    quarters,
    read,
    stored_for,
)
from vision.errors import PhotoUnreadable
from vision.photos.decoding import read_photo
from vision.photos.png import PNG_SIGNATURE

LIMITS: dict[str, Any] = {"max_bytes": 15 * 2**20, "max_pixels": 1_000_000}
NOISE = np.random.default_rng(0).bytes(1_500_000)
XMP = b"XML:com.adobe.xmp\0\1\0\0\0"


def packed_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj()
    parts = [packer.compress(bytes(2**20)) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"tEXt", b"Comment\0" + NOISE),
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(NOISE)),
        png_chunk(b"iTXt", b"Comment\0\0\0\0\0" + NOISE),
        png_chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(NOISE)),
        png_chunk(b"iTXt", XMP + zlib.compress(NOISE)),
        png_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(NOISE)),
        png_chunk(b"iCCP", b"ICC\0\0" + b"never packed"),
        png_chunk(b"eXIf", b"II*\0\x08\0\0\0" + NOISE),
        png_chunk(b"tEXt", b"Comment\0words", checksum=1),
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"words"), checksum=1),
        png_chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0", checksum=1),
        png_chunk(b"gAMA", b"\0"),
        png_chunk(b"tIME", b"", checksum=1),
        png_chunk(b"caBX", NOISE),
        png_chunk(b"\x00\xff!!", b"no name"),
    ],
    ids=lambda chunk: f"{chunk[4:8]!r}, {len(chunk)} bytes",
)
def test_no_other_chunk_decides(chunk: bytes) -> None:
    image = read_photo(png_with(chunk), **LIMITS).image
    assert (image.size, colours(image)) == ((60, 40), UPRIGHT)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (b"zTXt", b"Comment\0\0"),
        (b"zTXt", b"Raw profile type exif\0\0"),
        (b"iTXt", XMP),
        (b"iCCP", b"ICC\0\0"),
    ],
)
def test_a_bomb_in_a_chunk_is_not_unpacked(kind: bytes, head: bytes) -> None:
    data = png_with(png_chunk(kind, head + packed_zeros(300)))
    tracemalloc.start()
    assert colours(read_photo(data, **LIMITS).image) == UPRIGHT
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_large_profile_still_gives_the_colours() -> None:
    """A profile in which red and blue are exchanged, with 1.5 MB behind it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = (
        profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    )
    chunk = png_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(exchanged + NOISE))
    red, green, blue = read_photo(
        png_with(chunk, image=Image.new("RGB", (4, 4), "red")), **LIMITS
    ).image.getpixel((2, 2))  # type: ignore[misc]
    assert (red < 30, green < 30, blue > 225) == (True, True, True)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("carrier", ["iTXt", "zTXt", "eXIf"])
def test_whatever_turns_a_photo_still_does(orientation: int, carrier: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = exif.tobytes()
    chunk = {
        "iTXt": png_chunk(b"iTXt", XMP + zlib.compress(b'tiff:Orientation="%d"' % orientation)),
        "zTXt": png_chunk(
            b"zTXt",
            b"Raw profile type exif\0\0"
            + zlib.compress(b"\nexif\n%8d\n%s\n" % (len(stored), stored.hex().encode())),
        ),
        "eXIf": png_chunk(b"eXIf", stored.removeprefix(b"Exif\0\0")),
    }[carrier]
    image = read(png_with(chunk, image=stored_for(orientation)))
    assert (image.size, colours(image)) == ((60, 40), UPRIGHT)


def test_an_animated_png_gives_its_first_picture() -> None:
    data = encoded(
        quarters(), "PNG", save_all=True, append_images=[quarters().rotate(180)], duration=90
    )
    assert b"acTL" in data
    assert colours(read(data)) == UPRIGHT


def test_an_interlaced_png_is_read() -> None:
    """Adam7, which Pillow cannot write: of 2 x 2 pixels the passes 1, 6 and 7 are not empty."""
    data = (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", b"\0\0\0\2\0\0\0\2\x08\0\0\0\1")
        + png_chunk(b"IDAT", zlib.compress(b"\0\x0a" + b"\0\x14" + b"\0\x1e\x28"))
        + png_chunk(b"IEND", b"")
    )
    assert np.asarray(read(data))[:, :, 0].tolist() == [[10, 20], [30, 40]]


def test_a_png_that_lacks_only_its_end_is_whole() -> None:
    assert colours(read(encoded(quarters(), "PNG")[:-12])) == UPRIGHT


def test_a_png_that_lacks_pixels_is_refused() -> None:
    with pytest.raises(PhotoUnreadable, match="cut short"):
        read(encoded(quarters(), "PNG")[:-30])


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_sixteen_bit_grey_is_scaled_from_the_bits_it_uses(bits: int) -> None:
    ramp = np.linspace(0, 2**bits - 1, 256).astype(np.uint16).reshape(16, 16)
    values = np.asarray(read(encoded(Image.fromarray(ramp), "PNG")))[:, :, 0].astype(int)
    assert np.abs(values.ravel() - np.arange(256)).max() <= 1


def test_a_black_photo_stays_black() -> None:
    black = Image.fromarray(np.zeros((4, 4), np.uint16))
    assert not np.asarray(read(encoded(black, "PNG"))).any()


@pytest.mark.parametrize("has_alpha", [False, True])
def test_sixteen_bits_of_colour_are_right(has_alpha: bool) -> None:
    channels = [51400, 12850, 25700] + [65535] * has_alpha
    row = b"\0" + b"".join(value.to_bytes(2, "big") for value in channels)
    header = b"\0\0\0\1\0\0\0\1\x10" + (b"\6" if has_alpha else b"\2") + b"\0\0\0"
    data = (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(row))
        + png_chunk(b"IEND", b"")
    )
    assert read(data).getpixel((0, 0)) == (200, 50, 100)
