"""JPEGs that lack their last bytes: taken where little is missing, and told."""

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vision.pictures import encoded
from vision.errors import PhotoError, PhotoUnreadable
from vision.photos.decoding import CUT_SHORT, decode_upright, read_photo
from vision.photos.jpeg import Jpeg, missing_share

LIMITS: dict[str, Any] = {"max_bytes": 2**24, "max_pixels": 10_000_000}
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
ROWS = 800  # of the pictures: 50 rows of 16 pixels, or 100 of 8


@pytest.fixture(scope="module")
def photo(photo_bytes: bytes) -> Image.Image:
    return Image.open(io.BytesIO(photo_bytes)).resize((600, ROWS))


def without_rows(image: Image.Image, missing: int, **options: Any) -> bytes:
    """A JPEG that ends where its last `missing` rows of pixels begin; whole blocks of them."""
    data = encoded(image, "JPEG", quality=90, restart_marker_rows=1, **options)
    marks = [mark.start() for mark in RESTART.finditer(data)]
    rows_a_mark = ROWS // (len(marks) + 1)
    assert missing % rows_a_mark == 0
    return data[: marks[-(missing // rows_a_mark)]]


def share(data: bytes) -> float | None:
    jpeg = Jpeg(data)
    image = Image.open(io.BytesIO(jpeg.decodable))
    image.load()
    return missing_share(jpeg, image)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
@pytest.mark.parametrize("missing", [16, 48, 80, 400])
def test_the_missing_rows_are_counted(photo: Image.Image, missing: int, subsampling: str) -> None:
    assert share(without_rows(photo, missing, subsampling=subsampling)) == missing / ROWS


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_they_are_counted_in_any_colours(photo: Image.Image, mode: str) -> None:
    assert share(without_rows(photo.convert(mode), 80)) == 0.1


@pytest.mark.parametrize("missing", [16, 48])
def test_a_photo_that_lacks_little_is_taken_with_a_warning(
    photo: Image.Image, missing: int
) -> None:
    data = without_rows(photo, missing)
    read = read_photo(data, **LIMITS)
    assert read.warnings == (CUT_SHORT,)
    whole = read_photo(encoded(photo, "JPEG", quality=90), **LIMITS)
    assert whole.warnings == ()
    there = ROWS - missing
    pixels, expected = np.asarray(read.image), np.asarray(whole.image)
    assert (pixels[: there - 2] == expected[: there - 2]).all()
    assert (pixels[there + 2 :] == 128).mean() > 0.9  # but for the block that the cut went through
    assert (decode_upright(data)[0] == pixels).all()


@pytest.mark.parametrize("missing", [80, 160, 784])
def test_a_photo_that_lacks_a_tenth_is_refused(photo: Image.Image, missing: int) -> None:
    data = without_rows(photo, missing)
    with pytest.raises(PhotoUnreadable, match="cut short"):
        read_photo(data, **LIMITS)
    with pytest.raises(PhotoUnreadable, match="cut short"):
        decode_upright(data, least_side=300)


@pytest.mark.parametrize("lost", [5, 50, 500])
def test_one_lost_byte_or_many_of_the_last_row_cost_that_row(photo: Image.Image, lost: int) -> None:
    data = encoded(photo, "JPEG", quality=90)
    assert share(data[:-lost]) == 16 / ROWS


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_end_marker_alone_is_no_loss(photo: Image.Image, lost: int) -> None:
    assert read_photo(encoded(photo, "JPEG")[:-lost], **LIMITS).warnings == ()


def test_an_end_marker_that_comes_too_early_hides_nothing(photo: Image.Image) -> None:
    closed = without_rows(photo, 32) + b"\xff\xd9"
    assert read_photo(closed, **LIMITS).warnings == (CUT_SHORT,)
    with pytest.raises(PhotoUnreadable):
        read_photo(without_rows(photo, 160) + b"\xff\xd9", **LIMITS)


def test_zeros_in_place_of_what_is_missing_hide_nothing(photo: Image.Image) -> None:
    assert share(without_rows(photo, 80) + bytes(9999)) == 0.1


def test_a_photo_that_ends_in_grey_is_whole() -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    assert read_photo(encoded(grey, "JPEG"), **LIMITS).warnings == ()


def test_what_follows_a_whole_photo_costs_nothing(photo: Image.Image) -> None:
    data = encoded(photo, "JPEG") + b"\x00trailing garbage" * 99
    assert read_photo(data, **LIMITS).warnings == ()


def scans_of(data: bytes) -> list[int]:
    return [scan.start for scan in Jpeg(data).structure.scans]


def test_a_progressive_photo_that_lacks_its_last_bits_is_taken(photo: Image.Image) -> None:
    data = encoded(photo, "JPEG", quality=90, progressive=True)
    exact = np.asarray(read_photo(data, **LIMITS).image).astype(int)
    for end in (len(data) - 100, scans_of(data)[-1] + 1000):
        read = read_photo(data[:end], **LIMITS)
        assert read.warnings == (CUT_SHORT,)
        assert np.abs(np.asarray(read.image) - exact).mean() < 3


def test_a_progressive_photo_that_lacks_more_is_measured_by_its_last_scan(
    photo: Image.Image,
) -> None:
    data = encoded(photo, "JPEG", quality=90, progressive=True)
    scans = scans_of(data)
    refined, following = scans[5], scans[6]  # luminance but for its last bit; then that bit
    shares = [share(data[:end]) for end in (following - 300, (refined + following) // 2)]
    assert shares == [pytest.approx(0.03, abs=0.03), pytest.approx(0.5, abs=0.2)]
    assert share(data[: scans[4] + 1000]) == 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_wherever_a_photo_is_cut_it_is_taken_or_refused(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    image = Image.fromarray(rng.integers(0, 256, (64, 48, 3), np.uint8)).resize((96, 128))
    data = encoded(image, "JPEG", **options)
    outcomes = set()
    for end in range(2, len(data), 3):
        try:
            outcomes.add(read_photo(data[:end], **LIMITS).warnings)
        except PhotoError as error:
            outcomes.add((error.code,))
    assert outcomes <= {(), (CUT_SHORT,), ("photo_unreadable",), ("photo_type_unsupported",)}
