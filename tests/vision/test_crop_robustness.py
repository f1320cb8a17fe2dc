"""Windows on crops, and how their figures are told."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.vision.training_set import SIZE
from vision.crops.alignment import TEMPLATE
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import utkface_labels
from vision.evaluation.crop_robustness import (
    CROP_CHANGES,
    CropChange,
    paste,
    photo_figures,
    reframe,
)
from vision.evaluation.robustness import figure_names, figures_by_change
from vision.types import AgeEstimate, Box, ClassEstimate, Detection, FaceAttributes, Image


class Ruler:
    """Says of a crop that it is as old as its brightest column lies far to the right."""

    input_size = SIZE

    def predict(self, crops: NDArray[np.uint8]) -> list[FaceAttributes]:
        found = crops[..., 0].astype(float).mean(axis=1).argmax(axis=1)
        female = ClassEstimate({"male": 0.1, "female": 0.9})
        return [
            FaceAttributes(
                AgeEstimate(float(100 * at / SIZE), None, None, None), {"gender": female}
            )
            for at in found
        ]


class Blind:
    """Finds one face in every other photo: the whole of it."""

    def __init__(self) -> None:
        self._asked = 0

    def detect(
        self, images: Sequence[Image], scales: Sequence[float] | None = None
    ) -> list[list[Detection]]:
        self._asked += 1
        height, width = images[0].shape[:2]
        landmarks = (TEMPLATE * [height, height]).astype(np.float32)
        face = Detection(Box(0, 0, width, height), 0.99, landmarks)
        return [[face] if self._asked % 2 else []]


def striped(at: float, side: int = 200) -> Image:
    crop = np.zeros((side, side, 3), np.uint8)
    column = round(at * side)
    crop[:, column - 4 : column + 4] = 255
    return crop


def file(crop: Image, age: int, gender: int) -> LabelledFile:
    data = io.BytesIO()
    Pillow.fromarray(crop).save(data, "PNG")
    return LabelledFile(f"{age}.png", data.getvalue(), utkface_labels(age, gender, 0))


def test_a_window_is_as_large_as_it_says_and_repeats_the_border() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    wide = reframe(crop, CropChange(side=1.15))
    assert wide.shape == (230, 230, 3)
    assert (wide[15:215, 15:215] == crop).all()
    assert (wide[:15, 15:215] == crop[0]).all()
    assert (reframe(crop, CropChange(side=0.85)) == crop[15:185, 15:185]).all()
    shifted = reframe(crop, CropChange(right=0.08))
    assert (shifted[:, :184] == crop[:, 16:]).all()
    assert (shifted[:, 184:] == crop[:, -1:]).all()
    assert (reframe(crop, CropChange(down=-0.08))[16:] == crop[:184]).all()


def test_figures_tell_what_each_framing_does() -> None:
    files = [file(striped(0.5), 50, 1), file(striped(0.5), 50, 0)]
    told: list[tuple[str, int]] = []
    found = figures_by_change(Ruler(), files, CROP_CHANGES, lambda *progress: told.append(progress))
    assert found.keys() == CROP_CHANGES.keys()
    assert all(of.keys() == set(figure_names()) for of in found.values())
    plain, shifted = found["plain"]["age_mae"], found["shifted"]["age_mae"]
    assert plain is not None
    assert shifted is not None
    assert plain < 2.5  # within a column
    assert shifted == pytest.approx(4, abs=2.5)  # two of four windows move it by 8 years
    assert found["widened"]["gender_accuracy"] == 0.5
    assert told.count(("shifted", 2)) == 4


def test_a_broken_crop_is_left_out_of_every_framing() -> None:
    broken = LabelledFile("broken.png", b"damaged", utkface_labels(1, 1, 0))
    files = [file(striped(0.5), 50, 1), broken]
    found = figures_by_change(Ruler(), files, CROP_CHANGES, lambda _name, _count: None)
    assert {of["gender_accuracy"] for of in found.values()} == {1.0}
    photos = photo_figures(Ruler(), Blind(), files, lambda _name, _count: None)
    assert (photos["n"], photos["found"]) == (1, 1)


def test_faces_that_are_not_found_are_counted_and_compared_with_nothing() -> None:
    files = [file(striped(0.5), 50, 1), file(striped(0.5), 50, 0)]
    found = photo_figures(Ruler(), Blind(), files, lambda _name, _count: None)
    assert (found["n"], found["found"]) == (2, 1)
    assert found["crops"]["gender_accuracy"] == found["photos"]["gender_accuracy"] == 1.0


def test_a_pasted_crop_lies_whole_in_the_picture() -> None:
    white = np.full((200, 200, 3), 255, np.uint8)
    sizes = set()
    for seed in range(12):
        photo = paste(white, np.random.default_rng(seed))
        assert photo.shape == (480, 640, 3)
        bright = (photo[..., 0] > 240).sum()
        sizes.add(int(bright))
        assert 0.9 * 100**2 < bright < 1.1 * 300**2
    assert len(sizes) > 6
