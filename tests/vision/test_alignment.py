"""A face enters the network framed like the crops it was trained on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from vision.crops.alignment import TEMPLATE, align_face, similarity
from vision.detection import Detector
from vision.detection.template_measurement import relative_landmarks
from vision.inference.engine import Engine
from vision.photos.decoding import encode_jpeg
from vision.types import AgeEstimate, Box, Detection

PORTRAIT = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.1, 20),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_a_similarity_is_recovered_exactly(angle: float, scale: float, x: float, y: float) -> None:
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = TEMPLATE @ (scale * rotation).T + (x, y)
    found = similarity(TEMPLATE, moved)
    assert np.allclose(found[:, :2], scale * rotation, atol=1e-6)
    assert np.allclose(found[:, 2], (x, y), atol=1e-5)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    found = similarity(TEMPLATE, TEMPLATE * (-1, 1))
    assert np.linalg.det(found[:, :2]) > 0


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_useless_points_are_refused(points: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="points"):
        similarity(points, TEMPLATE)


@pytest.mark.parametrize("size", [48, 96, 224])
@pytest.mark.parametrize("angle", [0, 25, 90, 180])
def test_the_landmarks_come_to_lie_on_the_template(
    detector: Detector, size: int, angle: int
) -> None:
    photo = np.asarray(PORTRAIT.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC))
    crop = align_face(photo, detector.detect([photo])[0][0], size)
    assert crop.shape == (size, size, 3)
    canvas = Image.new("RGB", (300, 300), (110, 110, 110))
    canvas.paste(Image.fromarray(crop).resize((200, 200)), (50, 50))
    shares = (detector.detect([np.asarray(canvas)])[0][0].landmarks - 50) / 200
    assert np.abs(shares - TEMPLATE).max() < 0.08


def interval(age: AgeEstimate) -> int:
    assert age.low is not None
    assert age.high is not None
    return age.high - age.low


def test_in_our_frame_the_estimate_is_right_and_surer(detector: Detector, engine: Engine) -> None:
    photo = np.asarray(PORTRAIT)
    aligned = align_face(photo, detector.detect([photo])[0][0], engine.input_size)
    wide = np.asarray(PORTRAIT.crop((150, 20, 300, 170)).resize((96, 96)))
    ours, theirs = engine.predict(np.stack([aligned, wide]))
    assert ours.age is not None
    assert theirs.age is not None
    assert 25 <= ours.age.years <= 42
    assert ours.classes["gender"].probabilities["female"] > 0.85
    # The same face, a third too wide.
    assert interval(theirs.age) > interval(ours.age)


@pytest.mark.parametrize("scale", [0.5, 2.0, 5.0])
def test_the_photos_size_changes_the_crop_little(detector: Detector, scale: float) -> None:
    side = round(512 * scale)
    [original] = detector.detect([np.asarray(PORTRAIT)])[0]
    scaled = Detection(original.box, original.confidence, original.landmarks * np.float32(scale))
    scaled = Detection(
        Box(*(round(v * scale) for v in original.box.as_json().values())),
        scaled.confidence,
        scaled.landmarks,
    )
    large = np.asarray(PORTRAIT.resize((side, side), Image.Resampling.LANCZOS))
    one = align_face(np.asarray(PORTRAIT), original, 96).astype(float)
    other = align_face(large, scaled, 96).astype(float)
    assert np.abs(one - other).mean() < 6


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), np.inf), TEMPLATE * 9000])
def test_impossible_landmarks_fall_back_to_the_box(landmarks: NDArray[np.float64]) -> None:
    face = Detection(Box(181, 62, 86, 110), 0.9, landmarks.astype(np.float32))
    crop = align_face(np.asarray(PORTRAIT), face, 96)
    middle = np.asarray(PORTRAIT)[117, 224].astype(int)
    assert np.abs(crop[48, 48].astype(int) - middle).max() < 90


def test_a_face_at_the_border_repeats_it(detector: Detector) -> None:
    [face] = detector.detect([np.asarray(PORTRAIT)])[0]
    cut = np.ascontiguousarray(np.asarray(PORTRAIT)[90:])
    shifted = Detection(face.box, face.confidence, face.landmarks - np.array([0, 90], np.float32))
    crop = align_face(cut, shifted, 96)
    assert crop[:5].std() > 1  # not black
    assert (
        np.abs(crop[60:].astype(int) - align_face(np.asarray(PORTRAIT), face, 96)[60:]).mean() < 3
    )


def test_the_template_is_measured_on_crops_with_one_face(detector: Detector) -> None:
    crop = encode_jpeg(PORTRAIT.crop((168, 60, 282, 174)).resize((200, 200)))
    found = relative_landmarks(detector, [crop, b"broken", encode_jpeg(Image.new("RGB", (99, 99)))])
    assert found.shape == (1, 5, 2)
    assert np.abs(found[0] - TEMPLATE).max() < 0.12


def facing(side: float, angle: float, centre: float) -> Detection:
    """A face whose crop has a side of so many photo pixels, turned by degrees, around a centre."""
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    landmarks = ((TEMPLATE - 0.5) * side) @ rotation.T + centre
    left, width = round(centre - 0.33 * side), round(0.66 * side)
    return Detection(Box(left, left, width, width), 0.99, landmarks.astype(np.float32))


def grey(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.repeat(values.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def chirp(length: int, side: float) -> NDArray[np.uint8]:
    """Rings that grow finer from the middle on, to 0.45 cycles a pixel at the crop's corner; the
    same however it is turned."""
    away = np.arange(length) + 0.5 - length / 2
    squares = away[:, None] ** 2 + away**2
    return grey(127.5 + 110 * np.cos(np.pi * 0.45 / (side * np.sqrt(0.5)) * squares))


SIZES = [48, 96, 224]
SIDES = [30, 60, 100, 150, 190, 250, 300, 370, 500, 900]
REDUCED = [(side, size) for side in SIDES for size in SIZES if side >= 2 * size] + [(3000, 96)]


@pytest.mark.parametrize("angle", [0, 20, 45])
@pytest.mark.parametrize(("side", "size"), REDUCED)
def test_what_is_too_fine_for_the_crop_is_filtered_as_reducing_the_photo_does(
    side: int, size: int, angle: int
) -> None:
    length = round(0.8 * side) * 2
    photo, edge = chirp(length, side), (length - side) / 2
    window = (edge, edge, edge + side, edge + side)
    picture = Image.fromarray(photo)
    reduced = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=window))
    crop = align_face(photo, facing(side, angle, length / 2), size)
    difference = crop.astype(float) - reduced
    assert np.sqrt((difference**2).mean()) < 4.5
    assert np.abs(difference).max() < 24


@pytest.mark.parametrize("angle", [0, 20])
@pytest.mark.parametrize(("side", "size"), REDUCED)
def test_a_checkerboard_of_single_pixels_becomes_an_even_grey(
    side: int, size: int, angle: int
) -> None:
    length = round(0.8 * side) * 2
    rows, columns = np.mgrid[:length, :length]
    photo = grey(((rows + columns) % 2) * 255.0)
    assert align_face(photo, facing(side, angle, length / 2), size).std() < 2


@pytest.mark.parametrize("size", SIZES)
def test_a_small_face_is_enlarged_without_edges_of_pixels(size: int) -> None:
    """A ramp of light stays one."""
    photo = grey(np.tile(np.linspace(40, 200, 64), (64, 1)))
    crop = align_face(photo, facing(30, 0, 32), size).astype(float)[..., 0]
    assert np.abs(np.diff(crop, axis=0)).max() <= 1
    assert np.abs(np.diff(crop, n=2, axis=1)).max() <= 2
