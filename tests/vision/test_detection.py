"""Every face is found, and nothing else; on public-domain photos and pictures made of them."""

import random

import numpy as np
import pytest
from PIL import Image
from skimage import data

from vision.detection import Detector
from vision.detection.mtcnn import smallest_face
from vision.types import Detection

PORTRAIT = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
FACE = (181, 62, 86, 110)  # x, y, width, height, as people draw it


def pasted(size: tuple[int, int], *pieces: tuple[Image.Image, tuple[int, int]]) -> np.ndarray:
    scene = Image.new("RGB", size, (116, 124, 133))
    for piece, place in pieces:
        scene.paste(piece, place)
    return np.asarray(scene)


def overlap(face: Detection, x: float, y: float, width: float, height: float) -> float:
    """Intersection over union."""
    box = face.box
    w = min(box.x + box.width, x + width) - max(box.x, x)
    h = min(box.y + box.height, y + height) - max(box.y, y)
    shared = max(0, w) * max(0, h)
    return shared / (box.width * box.height + width * height - shared)


def test_a_portrait_has_one_face_with_its_landmarks(detector: Detector) -> None:
    [face] = detector.detect([np.asarray(PORTRAIT)])[0]
    assert overlap(face, *FACE) > 0.8
    assert face.confidence > 0.98
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert np.allclose(left_eye, (204, 101), atol=3)


@pytest.mark.parametrize(
    "name",
    [
        "chelsea", "coffee", "rocket", "coins", "brick", "grass", "page", "text", "moon",
        "hubble_deep_field", "immunohistochemistry", "clock", "horse", "cell", "checkerboard",
    ],
)  # fmt: skip
def test_a_picture_without_people_has_no_face(detector: Detector, name: str) -> None:
    image = np.asarray(getattr(data, name)())
    image = (image * 255).astype(np.uint8) if image.dtype == bool else image
    if image.ndim == 2:
        image = np.stack([image] * 3, axis=-1)
    assert detector.detect([np.ascontiguousarray(image[..., :3])]) == [[]]


def test_noise_has_no_face(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    assert detector.detect([noise]) == [[]]


@pytest.mark.parametrize("side", [40, 56, 83, 160, 400])
def test_faces_from_40_pixels_up_are_found_in_twelve_megapixels(
    detector: Detector, side: int
) -> None:
    scale = side / FACE[2]
    portrait = PORTRAIT.resize((round(512 * scale),) * 2)
    place = (1700, 300)
    [face] = detector.detect([pasted((4000, 3000), (portrait, place))])[0]
    x, y, width, height = (value * scale for value in FACE)
    assert overlap(face, x + place[0], y + place[1], width, height) > 0.6
    assert smallest_face(4000, 3000) <= 40


@pytest.mark.parametrize("angle", [-45, -30, -15, 15, 30, 45, 90, 180, 270])
def test_turned_faces_are_found_once(detector: Detector, angle: int) -> None:
    turned = PORTRAIT.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    [face] = detector.detect([np.asarray(turned)])[0]
    eyes = face.landmarks[1] - face.landmarks[0]
    roll = np.degrees(np.arctan2(-eyes[1], eyes[0]))
    assert abs((roll - angle + 180) % 360 - 180) < 12


def test_a_collage_of_sizes_and_quarter_turns_is_found_whole(detector: Detector) -> None:
    pieces = [(400, 0, (20, 20)), (250, 20, (520, 60)), (160, -30, (960, 100)),
              (300, 90, (60, 520)), (300, 180, (480, 560)), (340, 270, (900, 560))]  # fmt: skip
    turned = [
        (PORTRAIT.resize((side, side)).rotate(angle, fillcolor=(116, 124, 133)), place)
        for side, angle, place in pieces
    ]
    assert len(detector.detect([pasted((1400, 1000), *turned)])[0]) == len(pieces)


@pytest.mark.parametrize("count", range(9))
def test_as_many_faces_are_found_as_there_are(detector: Detector, count: int) -> None:
    drawn = random.Random(count)
    cells = drawn.sample([(x, y) for x in range(4) for y in range(3)], count)
    pieces = []
    for x, y in cells:
        side = drawn.randint(220, 380)
        piece = PORTRAIT.resize((side, side)).rotate(
            drawn.uniform(-25, 25), fillcolor=(116, 124, 133)
        )
        if drawn.random() < 0.5:
            piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pieces.append((piece, (x * 400 + 10, y * 400 + 10)))
    found = detector.detect([pasted((1600, 1200), *pieces)])[0]
    assert len(found) == count
    areas = [face.box.width * face.box.height for face in found]
    assert areas == sorted(areas, reverse=True)


def test_photos_of_one_call_do_not_mix(detector: Detector) -> None:
    cat = np.asarray(data.chelsea())  # type: ignore[no-untyped-call]
    two = pasted((1100, 520), (PORTRAIT, (0, 0)), (PORTRAIT, (560, 0)))
    together = detector.detect([np.asarray(PORTRAIT), cat, two])
    assert [len(faces) for faces in together] == [1, 0, 2]
    alone = detector.detect([np.asarray(PORTRAIT)])[0][0]
    assert together[0][0].box == alone.box


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (300, 5), (12, 12), (3000, 40)])
def test_odd_sizes_are_no_trouble(detector: Detector, size: tuple[int, int]) -> None:
    assert detector.detect([np.zeros((*size, 3), np.uint8)]) == [[]]


def test_no_photo_is_no_trouble(detector: Detector) -> None:
    assert detector.detect([]) == []


def test_a_face_at_the_border_stays_inside_the_photo(detector: Detector) -> None:
    cut = np.asarray(PORTRAIT)[75:400, 190:500]
    faces = detector.detect([np.ascontiguousarray(cut)])[0]
    assert faces
    for face in faces:
        box = face.box
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= 310
        assert box.y + box.height <= 325
