"""The levels of a photo that are searched."""

import itertools

import numpy as np
import pytest

from vision.detection.pyramid import STEP, Pyramid

CELL = 12


@pytest.mark.parametrize("size", [(36, 50), (200, 200), (300, 230), (700, 700), (1080, 20_000)])
def test_the_search_ends_where_a_face_may_fill_the_photo(size: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    levels = Pyramid.of(image, CELL / 36, CELL).searched
    assert levels[0].scale == CELL / 36
    assert min(levels[-1].image.size) == CELL
    for finer, coarser in itertools.pairwise(levels):
        assert STEP - 1e-9 <= coarser.scale / finer.scale < 1


def test_a_photo_that_is_smaller_than_any_face_is_not_searched() -> None:
    assert Pyramid.of(np.zeros((20, 500, 3), np.uint8), CELL / 36, CELL).searched == ()
