"""What is drawn onto a photo: captions in free places, and covers that cannot be taken off."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from tests.vision.pictures import encoded
from vision.errors import PhotoError
from vision.photos.drawing import (
    BLOCKS,
    PIXELS,
    SOLID,
    Caption,
    annotate,
    anonymise,
    region_of,
)
from vision.types import Box

FACE = Box(100, 80, 60, 80)


@pytest.fixture(scope="module")
def noise() -> bytes:
    """A photo of 400 by 300 pixels, no two squares of which are alike."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (75, 100, 3), np.uint8)
    image = Image.fromarray(coarse).resize((400, 300), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x010E] = "at home"
    return encoded(image, "JPEG", quality=95, exif=exif)


def pixels(data: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def part(data: bytes, box: Box) -> NDArray[np.int64]:
    return pixels(data)[max(0, box.y) : box.y + box.height, max(0, box.x) : box.x + box.width]


def steps(row: NDArray[np.int64]) -> int:
    """How many times the colour changes along a row of pixels, JPEG's traces aside."""
    changes = np.abs(np.diff(row, axis=0)).max(axis=1) > 20
    return int((changes & ~np.append(False, changes[:-1])).sum())


def test_a_solid_cover_leaves_nothing_of_a_region_and_the_rest_as_it_was(noise: bytes) -> None:
    covered = anonymise(noise, [FACE], SOLID)
    inner = Box(FACE.x + 8, FACE.y + 8, FACE.width - 16, FACE.height - 16)
    assert part(covered, inner).max() <= 2  # JPEG is not exact
    before, after = pixels(noise), pixels(covered)
    assert np.abs(before - after)[200:].mean() < 6


@pytest.mark.parametrize("region", [FACE, Box(-30, -40, 120, 120), Box(350, 250, 100, 90)])
def test_pixels_are_at_most_eight_across_a_region_at_the_border_too(
    noise: bytes, region: Box
) -> None:
    coarse = part(anonymise(noise, [region], PIXELS), region)
    middle = coarse[coarse.shape[0] // 2], coarse[:, coarse.shape[1] // 2]
    assert all(steps(line) < BLOCKS for line in middle)
    assert coarse.std() > 1  # it is no plain cover
    assert steps(part(noise, region)[20]) > BLOCKS


def test_a_smaller_face_does_not_show_a_larger_one_more_finely(noise: bytes) -> None:
    large, small = Box(40, 40, 240, 240), Box(100, 100, 48, 48)
    both = part(anonymise(noise, [small, large], PIXELS), small)
    assert steps(both[24]) <= 3  # blocks of 30 pixels, not of 6


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_a_region_encloses_the_whole_head_whichever_way_it_is_turned(degrees: int) -> None:
    """Eyes 40 pixels apart; the chin 60 below the nose, the crown 85 above, the ears 52 aside."""
    turn = np.radians(degrees)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.array([[-20, -25], [20, -25], [0, 0], [-16, 20], [16, 20]]) @ turned.T + 200
    ends = np.array([[0, 60], [0, -85], [-52, -15], [52, -15]]) @ turned.T + 200
    low, high = points.min(axis=0) - 15, points.max(axis=0) + 15
    x, y = low.astype(int).tolist()
    width, height = (high - low).astype(int).tolist()
    region = region_of(Box(x, y, width, height), points.tolist())
    assert (ends >= [region.x, region.y]).all()
    assert (ends <= [region.x + region.width, region.y + region.height]).all()


def test_a_region_reaches_beyond_the_box_where_landmarks_are_missing() -> None:
    assert region_of(FACE, []) == Box(85, 60, 90, 120)


def test_a_face_is_marked_and_its_caption_stands_outside_every_face(noise: bytes) -> None:
    below = Box(100, 160, 60, 80)
    marked = annotate(noise, [Caption(FACE, ["1: 34", "Female"]), Caption(below, ["2"])])
    inner = slice(FACE.y + 6, FACE.y + FACE.height - 6), slice(FACE.x + 6, FACE.x + FACE.width - 6)
    before, after = pixels(noise), pixels(marked)
    assert np.abs(before - after)[inner].mean() < 8  # the face itself is left alone
    assert after[FACE.y + 30, FACE.x - 1 : FACE.x + 3].max() > 200  # its frame
    teal = (np.abs(after - [15, 118, 110]).max(axis=2) < 30).sum()
    assert teal > 300
    assert (np.abs(before - after).max(axis=2) > 60)[: FACE.y].sum() > 200  # above: below is taken


def test_what_is_made_carries_nothing_but_pixels(noise: bytes) -> None:
    for made in (anonymise(noise, [FACE], SOLID), annotate(noise, [Caption(FACE, ["1"])])):
        image = Image.open(io.BytesIO(made))
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (400, 300), {})
        assert b"at home" not in made


def test_what_is_no_photo_is_refused() -> None:
    with pytest.raises(PhotoError):
        annotate(b"\xff\xd8\xff\xe0" + bytes(50), [])


def test_the_font_has_every_letter_of_captions_and_no_hangul() -> None:
    """Should it have learnt Hangul, captions can be in the reader's language."""
    font = ImageFont.load_default(30)
    missing = bytes(font.getmask("\uffff"))
    has = {letter: bytes(font.getmask(letter)) != missing for letter in "09:()-?Az여"}
    assert [letter for letter, there in has.items() if not there] == ["여"]
