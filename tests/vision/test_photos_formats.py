"""Every kind of each format that people have; and what looks like a photo but is another thing."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.vision.pictures import LIMITS, UPRIGHT, colours, encoded, quarters, read, stored_for
from vision.errors import PhotoError, PhotoTooLarge, PhotoTypeUnsupported
from vision.photos.decoding import decode_upright, encode_jpeg, read_photo

JPEG = encoded(quarters(), "JPEG", quality=95)
TIFF_KINDS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"]


def bitmap(image: Image.Image, **fields: Any) -> bytes:
    """A BMP of raw rows: `fields` of its header, `masks` and `rows` (bytes, as they are stored)."""
    masks: bytes = fields.get("masks", b"")
    rows: bytes = fields["rows"]
    header = struct.pack(
        "<IiiHHIIiiII",
        40,
        image.width,
        fields.get("height", image.height),
        1,
        fields["bits"],
        fields.get("compression", 0),
        len(rows),
        0,
        0,
        fields.get("palette", 0),
        0,
    )
    offset = 14 + len(header) + len(masks)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + masks + rows


def blue_green_red(image: Image.Image) -> bytes:
    return np.asarray(image)[:, :, ::-1].tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF"])
def test_any_colours_of_them_are_read(kind: str, mode: str) -> None:
    dark_left = Image.new("RGB", (60, 40), "white")
    dark_left.paste("black", (0, 0, 30, 40))
    image = read(encoded(dark_left.convert(mode), kind))
    assert (image.mode, image.size) == ("RGB", (60, 40))
    assert colours(image) == [(0, 0, 0), (1, 1, 1)] * 2


def test_a_bitmap_may_be_stored_from_the_top() -> None:
    rows = blue_green_red(quarters())
    assert colours(read(bitmap(quarters(), bits=24, height=-40, rows=rows))) == UPRIGHT


def test_a_bitmap_of_sixteen_bits_is_read() -> None:
    wide = np.asarray(quarters().transpose(Image.Transpose.FLIP_TOP_BOTTOM)).astype(np.uint16)
    packed = (wide[:, :, 0] >> 3 << 11) | (wide[:, :, 1] >> 2 << 5) | wide[:, :, 2] >> 3
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    data = bitmap(quarters(), bits=16, compression=3, masks=masks, rows=packed.tobytes())
    assert colours(read(data)) == UPRIGHT


def test_a_run_length_bitmap_is_read() -> None:
    palette = b"".join(struct.pack("<BBBx", level, level, level) for level in (0, 255))
    runs = (b"\x1e\x00\x1e\x01\x00\x00" * 40) + b"\x00\x01"
    data = bitmap(quarters(), bits=8, compression=1, palette=2, masks=palette, rows=runs)
    assert colours(read(data)) == [(0, 0, 0), (1, 1, 1)] * 2


def test_a_large_run_length_bitmap_takes_too_long_to_read() -> None:
    large = Image.new("L", (2001, 2000))
    data = bitmap(large, bits=8, compression=1, palette=1, masks=bytes(4), rows=b"\x00\x01")
    with pytest.raises(PhotoTooLarge):
        read_photo(data, max_bytes=2**20, max_pixels=50_000_000)


@pytest.mark.parametrize("compression", TIFF_KINDS)
@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
def test_a_tiff_is_unpacked_and_turned(compression: str, orientation: int) -> None:
    tags = {0x0112: orientation}
    data = encoded(stored_for(orientation), "TIFF", compression=compression, tiffinfo=tags)
    assert colours(read(data)) == UPRIGHT
    pixels, size = decode_upright(data)
    assert (size, pixels.shape) == ((60, 40), (40, 60, 3))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_other_colours_of_a_tiff_become_rgb(mode: str) -> None:
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(quarters(), srgb, lab, outputMode="LAB")
        assert image is not None
    else:
        image = quarters().convert(mode)
    assert colours(read(encoded(image, "TIFF"))) == UPRIGHT


def test_a_big_endian_tiff_is_read() -> None:
    entries = [(256, 4, 60), (257, 4, 40), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 122)]
    entries += [(277, 3, 1), (278, 4, 40), (279, 4, 2400)]
    fields = b"".join(
        struct.pack(">HHI", tag, kind, 1) + struct.pack(">I" if kind == 4 else ">Hxx", value)
        for tag, kind, value in entries
    )
    data = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + fields + bytes(4)
    assert read(data + b"\xc8" * 2400).getpixel((30, 20)) == (200, 200, 200)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_a_tiff_of_more_than_eight_bits_is_refused_in_words(mode: str) -> None:
    grey = Image.new("L", (8, 8), 100).convert(mode)
    with pytest.raises(PhotoTypeUnsupported, match="8-bit TIFF"):
        read(encoded(grey, "TIFF"))


@pytest.mark.parametrize("tags", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_the_preview_in_a_raw_file_is_no_photo(tags: dict[int, Any]) -> None:
    with pytest.raises(PhotoTypeUnsupported):
        read(encoded(quarters(), "TIFF", tiffinfo=tags))


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG"])
def test_the_first_page_or_frame_counts(kind: str) -> None:
    others = [quarters().rotate(180), quarters().rotate(180)]
    data = encoded(quarters(), kind, save_all=True, append_images=others, quality=95)
    assert colours(read(data)) == UPRIGHT


def test_transparency_of_a_gif_is_laid_on_white() -> None:
    image = quarters().quantize(4)
    red = image.getpixel((3, 3))
    assert colours(read(encoded(image, "GIF", transparency=red))) == [(1, 1, 1), *UPRIGHT[1:]]


def test_an_old_gif_is_read() -> None:
    gif = encoded(quarters().quantize(4), "GIF")
    assert colours(read(b"GIF87a" + gif[6:])) == UPRIGHT


@pytest.mark.parametrize(
    "junk",
    [
        b"\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
        b"<br />\n<b>Warning</b>: something in line 7<br />\n",
        bytes(64 * 1024),
        b"x\xff\xd8\xff no start \xff\xd8\xff",
    ],
)
def test_junk_before_a_jpeg_is_passed_over(junk: bytes) -> None:
    photo = read_photo(junk + JPEG, **LIMITS)
    assert (colours(photo.image), photo.warnings) == (UPRIGHT, ())
    assert decode_upright(junk + JPEG, least_side=30)[1] == (60, 40)


def test_more_than_64_kb_of_junk_is_too_much() -> None:
    with pytest.raises(PhotoTypeUnsupported):
        read(bytes(64 * 1024 + 1) + JPEG)


def test_pixels_that_look_like_the_start_of_a_jpeg_are_pixels() -> None:
    white = Image.new("L", (400, 400), 255)
    white.putpixel((9, 399), 0xD8)  # the lowest row is stored first
    white.putpixel((40, 399), 0xDA)
    assert read(encoded(white, "BMP")).size == (400, 400)


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"ID3\x04",
        b"8BPS\0\1",
        b"\0\0\0\x18ftypisom",
        b"FUJIFILMCCD-RAW",
    ],
)
def test_what_holds_a_jpeg_is_not_one(head: bytes) -> None:
    with pytest.raises(PhotoError):
        read(head + bytes(100) + JPEG)


def test_a_jpeg_with_a_second_picture_gives_the_first() -> None:
    data = encoded(quarters(), "MPO", save_all=True, append_images=[quarters().rotate(180)])
    assert colours(read(data)) == UPRIGHT
    half = data[: len(data) - 200]  # the second one was cut short
    assert read_photo(half, **LIMITS).warnings == ()


def test_cmyk_without_an_adobe_marker_is_read() -> None:
    data = encoded(quarters().convert("CMYK"), "JPEG", quality=95)
    start = data.index(b"\xff\xee")
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    bare = data[:start] + data[start + 2 + length :]
    assert b"Adobe" in data
    assert b"Adobe" not in bare
    assert colours(read(bare)) == UPRIGHT


def display_p3() -> bytes:
    """An sRGB profile with the primaries of Display P3 (as s15Fixed16, adapted to D50)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for name, values in primaries.items():
        entry = profile.index(name)
        offset = int.from_bytes(profile[entry + 4 : entry + 8], "big")
        numbers = struct.pack(">3i", *(round(value * 65536) for value in values))
        profile[offset + 8 : offset + 20] = numbers
    return bytes(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_display_p3_becomes_srgb(kind: str) -> None:
    srgb_red_in_p3 = Image.new("RGB", (16, 16), (234, 51, 35))
    image = read(encoded(srgb_red_in_p3, kind, quality=95, icc_profile=display_p3()))
    assert np.abs(np.asarray(image)[8, 8].astype(int) - (255, 0, 0)).max() <= 12


def test_a_heic_is_turned_by_its_own_rotation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    # Given as bytes, the orientation is written as a rotation of the container, as cameras do.
    data = encoded(stored_for(6), "HEIF", quality=95, exif=exif.tobytes())
    assert b"irot" in data
    assert colours(read(data)) == UPRIGHT
    assert decode_upright(data)[1] == (60, 40)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_what_is_too_long_for_the_kept_jpeg_is_refused(kind: str) -> None:
    limits: dict[str, Any] = {"max_bytes": 2**26, "max_pixels": 50_000_000}
    longest = read_photo(encoded(Image.new("L", (65_500, 655)), kind), **limits).image
    assert encode_jpeg(longest)
    with pytest.raises(PhotoTooLarge, match="65500 pixels a side"):
        read_photo(encoded(Image.new("L", (65_501, 656)), kind), **limits)


@pytest.mark.parametrize("size", [(1, 101), (101, 1), (1, 50_000)])
def test_what_is_too_thin_to_show_a_face_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoTooLarge, match="more than 100 times as long as it is wide"):
        read(encoded(Image.new("L", size), "PNG"))


def test_what_is_just_wide_enough_is_read() -> None:
    assert read(encoded(Image.new("L", (1, 100)), "PNG")).size == (1, 100)
