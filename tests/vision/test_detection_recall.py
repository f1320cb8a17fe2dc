"""Faces whose places are known are counted as found, missed or made up."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

from vision.detection import Detector
from vision.evaluation.detection_recall import (
    COLUMNS,
    ROLLS,
    ROWS,
    SIZES,
    Pasted,
    matched,
    measure,
    picture,
)
from vision.types import Box, Detection, Image

PORTRAIT = Pillow.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
# Cut as UTKFace's crops are, and as people hold a camera: nearer, farther, in the mirror.
CROPS = [
    np.asarray(piece.resize((200, 200)))
    for side in (130, 138, 146)
    for cut in [PORTRAIT.crop((224 - side // 2, 124 - side // 2, 224 + side // 2, 124 + side // 2))]
    for piece in (cut, cut.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT))
]


def detection(x: float, y: float, width: float, roll: float = 0.0) -> Detection:
    """A face around a point, its eyes rolled clockwise."""
    box = Box(round(x - width / 2), round(y - width / 2), round(width), round(width))
    turned = np.radians(roll)
    landmarks = np.zeros((5, 2), np.float32)
    landmarks[1] = np.cos(turned), np.sin(turned)
    return Detection(box, 0.99, landmarks)


class Slow:
    """Finds what it is told to, picture by picture."""

    def __init__(self, faces: Sequence[Sequence[Detection]]) -> None:
        self._faces = iter(faces)

    def detect(
        self, images: Sequence[Image], scales: Sequence[float] | None = None
    ) -> list[list[Detection]]:
        return [list(next(self._faces)) for _ in images]


@pytest.mark.parametrize("roll", ROLLS)
def test_the_detector_finds_every_face_the_way_up_that_it_was_pasted(
    detector: Detector, roll: int
) -> None:
    image, pasted = picture(CROPS * 2, 80, roll, np.random.default_rng(0))
    faces = detector.detect([image])[0]
    pairs = matched(pasted, faces)
    assert len(pairs) == len(faces) == len(pasted) == 12
    assert all(place.is_read_upright(face) for place, face in pairs)
    assert {abs(place.roll) for place in pasted} == {roll}


@pytest.mark.parametrize("brightness", [0.25, 0.125])
def test_faces_of_a_dark_photo_are_found_as_well(detector: Detector, brightness: float) -> None:
    cells = measure(
        detector, CROPS * 2, pictures=1, on_progress=lambda _: None, brightness=brightness
    )
    assert {cell.size for cell in cells} == set(SIZES)
    assert all(cell.found == cell.upright == 12 for cell in cells if cell.size >= 40)
    assert not any(cell.extra for cell in cells)


def test_pictures_are_large_enough_and_hold_the_crops_at_their_sizes() -> None:
    image, pasted = picture(CROPS[:3], 24, 0, np.random.default_rng(0))
    assert image.shape == (480, 640, 3)
    assert [(place.x, place.y) for place in pasted] == [(80, 80), (240, 80), (400, 80)]
    image, _ = picture(CROPS[:1], 160, 0, np.random.default_rng(0))
    assert image.shape == (3 * 384, 4 * 384, 3)
    middle = image[192 - 128 : 192 + 128, 192 - 128 : 192 + 128]
    crop = Pillow.fromarray(CROPS[0]).resize((256, 256), Pillow.Resampling.LANCZOS)
    assert np.abs(middle.astype(int) - np.asarray(crop)).max() <= 1


def test_a_face_counts_once_and_only_near_and_of_its_size() -> None:
    place = Pasted(100, 100, 40, 0)
    assert len(matched([place], [detection(101, 99, 44), detection(103, 97, 40)])) == 1
    assert len(matched([place], [detection(123, 100, 44)])) == 1
    assert not matched([place], [detection(125, 100, 44)])
    assert not matched([place], [detection(100, 125, 44)])
    assert not matched([place], [detection(100, 100, 19)])
    assert not matched([place], [detection(100, 100, 81)])


@pytest.mark.parametrize(("said", "upright"), [(-170, True), (165, True), (150, False), (0, False)])
def test_the_way_up_is_right_within_20_degrees(said: int, upright: bool) -> None:
    assert Pasted(0, 0, 40, 180).is_read_upright(detection(0, 0, 40, said)) is upright


def test_every_cell_tells_found_and_made_up_faces() -> None:
    made_up = detection(0, 0, 300)
    faces = [[made_up] for _ in range(2 * len(SIZES) * len(ROLLS))]
    # The first two pictures show 24-pixel faces upright; the middle of the first is at (80, 80).
    faces[0] = [detection(80, 80, 24), detection(240, 80, 24, 90), made_up]
    cells = measure(Slow(faces), CROPS, pictures=2, on_progress=lambda _: None)
    assert [(cell.size, cell.roll) for cell in cells] == [(s, r) for s in SIZES for r in ROLLS]
    first, second = cells[:2]
    assert (first.faces, first.found, first.upright, first.extra) == (24, 2, 1, 2)
    assert (second.faces, second.found, second.upright, second.extra) == (24, 0, 0, 2)
    assert COLUMNS * ROWS == 12


def test_progress_is_told_for_every_picture() -> None:
    told: list[int] = []
    faces: list[list[Detection]] = [[] for _ in range(len(SIZES) * len(ROLLS))]
    measure(Slow(faces), CROPS, pictures=1, on_progress=told.append)
    assert told == [1] * 20


def test_without_a_crop_nothing_can_be_measured() -> None:
    with pytest.raises(ValueError, match="no crop"):
        measure(Slow([]), [], pictures=1, on_progress=lambda _: None)
