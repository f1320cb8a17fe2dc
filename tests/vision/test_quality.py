"""What a photo can tell of a face is measured, and what it cannot tell is not told."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

from vision.crops.alignment import TEMPLATE, align_face
from vision.crops.quality import (
    BLURRED,
    CUT,
    DARK,
    OVEREXPOSED,
    SMALL,
    TOO_BLURRED,
    TOO_BRIGHT,
    TOO_DARK,
    TOO_SMALL,
    TURNED,
    assess,
    is_withheld,
    overexposed,
    turn,
    warnings_of,
    widening_of,
)
from vision.detection import Detector
from vision.evaluation.edits import blurred, darkened
from vision.inference.pipeline import Pipeline
from vision.photos.decoding import encode_jpeg
from vision.types import Box, Detection, FaceResult, Image, PhotoResult, Quality

PORTRAIT: Image = data.astronaut()  # type: ignore[no-untyped-call]
GOOD = Quality(150, 0.6, 0.85, 0.0, 5, False)


def framed(side: float, left: float = 0.0, top: float = 0.0) -> Detection:
    """A face whose crop is a square of a photo."""
    box = Box(round(left), round(top), round(0.8 * side), round(side))
    return Detection(box, 0.99, (TEMPLATE * side + (left, top)).astype(np.float32))


def assessed(image: Image, face: Detection) -> Quality:
    return assess(image, face, align_face(image, face, 96))


def test_the_portrait_is_good(detector: Detector) -> None:
    [face] = detector.detect([PORTRAIT])[0]
    found = assessed(PORTRAIT, face)
    assert found.size == pytest.approx(face.box.width, rel=0.15)
    assert 0.6 < found.sharpness < 1
    assert 0.7 < found.exposure <= 1
    assert found.turn < 25
    assert not found.cut
    assert found.warnings == ()
    assert found.as_json()["reliable"] is True
    assert widening_of(found) < 1.1


def test_the_size_is_that_of_the_face_whichever_way_it_lies(detector: Detector) -> None:
    [upright] = detector.detect([PORTRAIT])[0]
    turned = np.ascontiguousarray(np.rot90(PORTRAIT))
    [lying] = detector.detect([turned])[0]
    assert assessed(turned, lying).size == pytest.approx(assessed(PORTRAIT, upright).size, rel=0.05)


@pytest.mark.parametrize("sigma", [1, 2, 4, 8])
def test_blur_costs_sharpness(sigma: int) -> None:
    crop = PORTRAIT[60:190, 160:290]
    face = framed(130)
    before = assessed(blurred(crop, sigma / 2), face)
    after = assessed(blurred(crop, sigma), face)
    assert after.sharpness < before.sharpness
    assert after.exposure == pytest.approx(before.exposure, abs=0.05)


def test_exposure_is_what_the_light_leaves() -> None:
    crop, face = PORTRAIT[60:190, 160:290], framed(130)
    full = assessed(crop, face)
    for share in (0.5, 0.25, 0.125):
        dark = assessed(darkened(crop, share), face)
        assert dark.exposure == pytest.approx(share * full.exposure, abs=0.01)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_neither_light_nor_contrast_makes_a_face_less_sharp(share: float) -> None:
    crop, face = PORTRAIT[60:190, 160:290], framed(130)
    full = assessed(crop, face).sharpness
    assert assessed(darkened(crop, share), face).sharpness == pytest.approx(full, abs=0.02)
    flat = (128 + share * (crop.astype(float) - 128)).round().astype(np.uint8)
    assert assessed(flat, face).sharpness == pytest.approx(full, abs=0.02)


def test_a_face_is_seen_to_be_dark_and_blurred_whatever_is_behind_it() -> None:
    face = framed(130)
    crop = darkened(blurred(PORTRAIT[60:190, 160:290], 6), 0.05)
    alone = assessed(crop, face)
    across = (np.arange(130) + 0.5) / 130 - 0.5
    stripes = np.where(np.arange(130) % 8 < 4, 255, 0).astype(np.uint8)
    behind = np.hypot(across / 0.36, across[:, None] / 0.46) >= 1
    before_a_grating = crop.copy()
    before_a_grating[behind] = np.broadcast_to(stripes[:, None], (130, 130, 3))[behind]
    found = assessed(before_a_grating, face)
    assert found.exposure == pytest.approx(alone.exposure, abs=0.005)
    assert found.sharpness == pytest.approx(alone.sharpness, abs=0.02)
    assert DARK in found.warnings
    assert BLURRED in found.warnings


def test_a_face_of_one_colour_has_no_sharpness() -> None:
    assert assessed(np.full((130, 130, 3), 90, np.uint8), framed(130)).sharpness == 0


def test_a_face_is_cut_where_the_photo_ends() -> None:
    photo = np.full((200, 200, 3), 128, np.uint8)
    assert not assessed(photo, framed(100, left=50, top=50)).cut
    assert not assessed(photo, framed(200)).cut  # the crop ends where the photo does, as UTKFace's
    assert assessed(photo, framed(100, left=-40, top=50)).cut
    assert assessed(photo, framed(100, left=50, top=140)).cut


def nose_at(share: float) -> np.ndarray:
    """Landmarks with the nose off the middle by a share of the distance between the eyes."""
    points = np.array([[100, 100], [200, 100], [150, 160], [110, 205], [190, 205]], np.float32)
    points[2, 0] += 100 * share
    return points


def test_a_turn_is_seen_by_the_nose_to_either_side_and_however_the_head_is_rolled() -> None:
    assert turn(nose_at(0)) == 0
    assert turn(nose_at(0.1)) == turn(nose_at(-0.1)) < turn(nose_at(0.2)) < turn(nose_at(0.6)) < 90
    angle = np.radians(70)
    rolled = nose_at(0.2) @ np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    assert turn(rolled.astype(np.float32)) == pytest.approx(turn(nose_at(0.2)), abs=0.01)
    assert turn(np.zeros((5, 2), np.float32)) == 0


def found_in(pipeline: Pipeline, image: Image) -> FaceResult:
    [result] = pipeline.run([encode_jpeg(Pillow.fromarray(image))])
    assert isinstance(result, PhotoResult)
    [face] = result.faces
    return face


def shrunk(width: int) -> Image:
    """The portrait with a face of so many pixels, with room around it."""
    side = round(512 * width / 84)
    small = Pillow.fromarray(PORTRAIT).resize((side, side), Pillow.Resampling.LANCZOS)
    photo = Pillow.new("RGB", (400, 400), (128, 128, 128))
    photo.paste(small, (100, 100))
    return np.asarray(photo)


@pytest.mark.parametrize(
    ("image", "warning"),
    [
        (shrunk(17), TOO_SMALL),
        (blurred(PORTRAIT, 2), TOO_BLURRED),
        (darkened(PORTRAIT, 0.012), TOO_DARK),
    ],
)
def test_what_a_photo_cannot_tell_is_not_told(
    pipeline: Pipeline, image: Image, warning: str
) -> None:
    face = found_in(pipeline, image)
    assert warning in face.quality.warnings
    assert face.attributes.estimates() == {"age": None, "gender": None, "race": None}
    assert face.quality.as_json()["reliable"] is False


def test_a_small_face_is_told_and_warned_of(pipeline: Pipeline) -> None:
    face = found_in(pipeline, shrunk(33))
    assert SMALL in face.quality.warnings
    assert face.attributes.age is not None
    assert widening_of(face.quality) > 1.1


@pytest.mark.parametrize("tone", [60, 120, 220])
def test_what_is_white_of_a_face_is_found_whatever_surrounds_it(tone: int) -> None:
    crop = np.full((96, 96, 3), 255, np.uint8)  # a face before the sky
    crop[8:88, 18:78] = tone
    assert overexposed(crop) == 0
    crop[8:48, 18:78] = 252
    assert overexposed(crop) == pytest.approx(0.5, abs=0.02)


def test_of_an_overexposed_face_nothing_is_said() -> None:
    bad = replace(GOOD, overexposed=0.6)
    assert warnings_of(bad) == (TOO_BRIGHT,)
    assert is_withheld(replace(bad, warnings=warnings_of(bad)))


@pytest.mark.parametrize(("worse", "warning"), [({"turn": 60}, TURNED), ({"cut": True}, CUT)])
def test_what_is_only_warned_of_leaves_the_age_as_sure(
    worse: dict[str, float], warning: str
) -> None:
    bad = replace(GOOD, **worse)  # type: ignore[arg-type]
    assert warnings_of(bad) == (warning,)
    assert widening_of(bad) == 1
    assert not is_withheld(replace(bad, warnings=warnings_of(bad)))


@pytest.mark.parametrize(
    ("worse", "warning"),
    [
        ({"size": 34}, SMALL),
        ({"sharpness": 0.28}, BLURRED),
        ({"exposure": 0.04}, DARK),
        ({"overexposed": 0.3}, OVEREXPOSED),
    ],
)
def test_an_age_is_less_sure_by_every_measure(worse: dict[str, float], warning: str) -> None:
    bad = replace(GOOD, **worse)  # type: ignore[arg-type]
    assert widening_of(GOOD) == 1
    assert widening_of(bad) >= 1.1
    assert warnings_of(GOOD) == ()
    assert warnings_of(bad) == (warning,)
    assert not is_withheld(replace(bad, warnings=warnings_of(bad)))
