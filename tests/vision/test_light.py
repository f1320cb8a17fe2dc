"""Dark pictures are brought to the light that others have, and no others are touched."""

import numpy as np
import pytest
from skimage import data

from vision.crops.light import brighten, brighten_face, face_highlights, highlights
from vision.evaluation.edits import darkened
from vision.types import LUMA, Image

PORTRAIT: Image = data.astronaut()  # type: ignore[no-untyped-call]
FACE = PORTRAIT[60:190, 160:290]


def grey(level: int, side: int = 40) -> Image:
    return np.full((side, side, 3), level, np.uint8)


def test_the_brightest_hundredth_decides_and_one_lamp_does_not() -> None:
    picture = grey(40, side=100)
    picture[:5, :15] = 250  # 75 of 10,000 pixels
    assert highlights(picture) == pytest.approx(40)
    picture[:10, :15] = 250  # 150
    assert highlights(picture) == pytest.approx(250)


def test_green_is_brighter_than_blue() -> None:
    green, blue = grey(0), grey(0)
    green[..., 1] = blue[..., 2] = 200
    assert highlights(green) == pytest.approx(200 * LUMA[1])
    assert highlights(blue) == pytest.approx(200 * LUMA[2])


def test_of_a_large_picture_a_part_tells_as_much() -> None:
    large = np.repeat(np.repeat(PORTRAIT, 4, axis=0), 4, axis=1)
    assert highlights(large) == pytest.approx(highlights(PORTRAIT), abs=1)


@pytest.mark.parametrize("share", [0.5, 0.25, 0.125])
def test_a_darkened_face_gets_its_light_back(share: float) -> None:
    found = brighten(darkened(FACE, share), highlights(FACE))
    assert highlights(found) == pytest.approx(highlights(FACE), abs=2)
    # What rounding dark values has lost is lost.
    assert np.abs(found.astype(float) - FACE).mean() < 0.5 / share


def test_a_bright_picture_stays_itself() -> None:
    assert brighten(FACE, highlights(FACE)) is FACE
    assert brighten(FACE, 20.0) is FACE


def test_a_face_beside_a_bright_wall_is_not_brightened() -> None:
    beside = np.concatenate([darkened(FACE, 0.25), np.full_like(FACE, 240)], axis=1)
    assert brighten(beside, 200.0) is beside


def before_a_window(share: float) -> Image:
    """A face of so much light in the middle of a crop that is white around it."""
    crop = grey(255, side=100)
    crop[6:94, 16:84] = darkened(grey(200, side=100), share)[6:94, 16:84]
    return crop


@pytest.mark.parametrize("share", [0.5, 0.25, 0.125])
def test_of_a_face_before_a_window_its_own_light_is_measured_and_given_back(share: float) -> None:
    dark = before_a_window(share)
    assert highlights(dark) == pytest.approx(255)
    assert face_highlights(dark) == pytest.approx(200 * share)
    assert brighten(dark, 200.0) is dark
    assert face_highlights(brighten_face(dark, 150.0)) == pytest.approx(150, abs=1)
    assert brighten_face(dark, 200 * share) is dark


def test_black_stays_black_and_the_picture_itself_is_left_alone() -> None:
    assert not brighten(grey(0), 160.0).any()
    dark = darkened(FACE, 0.25)
    before = dark.copy()
    assert (brighten(dark, 160.0) != dark).any()
    assert (dark == before).all()


def test_colours_keep_their_hue() -> None:
    dark = grey(0)
    dark[..., 0], dark[..., 1] = 40, 20
    found = brighten(dark, 2 * highlights(dark))
    assert found[0, 0].tolist() == [80, 40, 0]
