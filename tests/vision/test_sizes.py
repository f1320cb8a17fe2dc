"""Photos are decoded no larger than the search and the crops of their faces need."""

import numpy as np
import pytest
from PIL import Image

from tests.vision.pictures import encoded
from vision.crops.alignment import TEMPLATE, align_face
from vision.detection.mtcnn import smallest_face
from vision.inference.sizes import decode_photo, scaled, shown_faces
from vision.photos.decoding import decode_upright
from vision.types import Box, Detection

SIDE = 3000  # pixels; half of it is enough for the search
NETWORK = 96


def textured() -> Image.Image:
    """Soft shades, so that a reduced JPEG shows what the whole one does."""
    shades = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    return Image.fromarray(shades).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def file() -> bytes:
    return encoded(textured(), "JPEG", quality=92)


def face(x: float, y: float, side: float) -> Detection:
    """A face whose crop is the square of this side at x, y."""
    box = Box(round(x + 0.15 * side), round(y + 0.1 * side), round(0.7 * side), round(0.85 * side))
    return Detection(box, 0.99, (TEMPLATE * side + (x, y)).astype(np.float32))


def test_a_photo_is_searched_at_the_smallest_size_that_shows_enough(file: bytes) -> None:
    photo = decode_photo(file)
    assert (photo.width, photo.height) == (SIDE, SIDE)
    assert photo.image.shape == (SIDE // 2, SIDE // 2, 3)
    smaller = encoded(textured().resize((SIDE - 2, SIDE)), "JPEG")
    assert decode_photo(smaller).scale == 1


def test_a_face_that_is_large_enough_is_cropped_where_it_was_found(file: bytes) -> None:
    photo = decode_photo(file)
    large = face(300, 200, 2 * NETWORK)
    [shown] = shown_faces(photo, [large], NETWORK)
    assert shown.image is photo.image
    assert shown.face is large


@pytest.mark.parametrize(("x", "y"), [(300.5, 200.25), (-40, 100), (1380, 1400)])
def test_a_small_face_is_cropped_as_from_the_whole_photo(file: bytes, x: float, y: float) -> None:
    photo = decode_photo(file)
    small, large = face(x, y, 1.9 * NETWORK), face(500, 500, 600)
    shown = shown_faces(photo, [large, small], NETWORK)
    assert [one.scale for one in shown] == [0.5, 1]
    assert shown[1].image.size < 3 * 500**2
    whole, _size = decode_upright(file)
    expected = align_face(whole, scaled(small, 2, SIDE, SIDE), NETWORK)
    crop = align_face(shown[1].image, shown[1].face, NETWORK)
    assert np.abs(crop.astype(int) - expected).max() <= 2


def test_a_face_is_no_smaller_for_the_search_because_its_photo_was_reduced() -> None:
    assert smallest_face(2016, 1512, 0.5) == pytest.approx(smallest_face(4032, 3024) / 2)
    assert smallest_face(1600, 1600, 0.5) == pytest.approx(smallest_face(3200, 3200) / 2)
    assert smallest_face(2400, 1800, 0.5) == smallest_face(2400, 1800)
