"""Each edit does to a crop what its name says, and figures tell what that does to a model."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.vision.oracle import Oracle, says
from tests.vision.oracle import crop as grey_crop
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import utkface_labels
from vision.evaluation.edits import EDITS, SAMPLE, backlit, compressed, edit_figures, noisy
from vision.evaluation.evaluate import evaluate
from vision.evaluation.robustness import changed, draw, figure_names, unchanged
from vision.types import AgeEstimate, ClassEstimate, FaceAttributes, Image


class Texture:
    """Takes grain for age, as a network may, and strong grain for a man's."""

    input_size = 200

    def predict(self, crops: NDArray[np.uint8]) -> list[FaceAttributes]:
        def look(crop: Image) -> FaceAttributes:
            years = float(np.abs(np.diff(crop[..., 1].astype(float), axis=1)).mean())
            male = 0.9 if years > 20 else 0.1
            gender = ClassEstimate({"male": male, "female": 1 - male})
            return FaceAttributes(AgeEstimate(years, None, None, None), {"gender": gender})

        return [look(crop) for crop in crops]


def textured(seed: int, spread: float = 20, side: int = 200) -> Image:
    """Grain that is as strong at every scale of pixels, around a middle grey."""
    values = np.random.default_rng(seed).normal(128, spread, (side, side, 1))
    return np.repeat(values.clip(0, 255), 3, axis=2).astype(np.uint8)


def edge(side: int = 200) -> Image:
    """Dark to the left, bright to the right."""
    crop = np.full((side, side, 3), 80, np.uint8)
    crop[:, side // 2 :] = 160
    return crop


def file(crop: Image, age: int, gender: int = 0) -> LabelledFile:
    data = io.BytesIO()
    Pillow.fromarray(crop).save(data, "PNG")
    return LabelledFile(f"{age}.png", data.getvalue(), utkface_labels(age, gender, 0))


def edge_width(crop: Image) -> float:
    """The standard deviation of an edge's slope, in pixels: the sigma of what blurred it."""
    slope = np.diff(crop[crop.shape[0] // 2, :, 0].astype(float))
    at = np.arange(len(slope))
    middle = (slope * at).sum() / slope.sum()
    return float(((slope * (at - middle) ** 2).sum() / slope.sum()) ** 0.5)


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("shape", [(200, 200), (48, 48), (300, 260)])
def test_an_edit_keeps_a_crops_size_and_leaves_the_crop_alone(
    name: str, shape: tuple[int, int]
) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    before = crop.copy()
    edited = EDITS[name](crop)
    assert edited.shape == crop.shape
    assert edited.dtype == np.uint8
    assert (edited != crop).any()
    assert (crop == before).all()
    assert (EDITS[name](crop) == edited).all()  # the same every time


@pytest.mark.parametrize(("name", "sigma"), [("blur_1", 1), ("blur_2", 2)])
def test_a_blur_is_as_wide_as_it_says_and_grows_with_the_crop(name: str, sigma: float) -> None:
    assert edge_width(EDITS[name](edge(200))) == pytest.approx(sigma, rel=0.1)
    assert edge_width(EDITS[name](edge(400))) == pytest.approx(2 * sigma, rel=0.1)


def test_sharpening_overshoots_at_edges_by_its_amount_and_nowhere_else() -> None:
    row = EDITS["sharpened"](edge())[100, :, 0].astype(int)
    # Beside the edge the crop differs from the blurred one by nearly half the step of 80; a pixel
    # of sigma 2 lies half a pixel away, where the Gaussian still has 0.4 of the step to go.
    assert row.max() - 160 == pytest.approx(0.8 * 0.4 * 80, abs=2)
    assert 80 - row.min() == row.max() - 160
    assert set(row[:80]) == {80}
    assert set(row[120:]) == {160}


def test_noise_has_its_deviation_and_is_another_on_every_crop() -> None:
    dark, bright = np.full((200, 200, 3), 100, np.uint8), np.full((200, 200, 3), 150, np.uint8)
    one, other = (noisy(crop, 8) - crop.astype(float) for crop in (dark, bright))
    assert one.std() == pytest.approx(8, rel=0.02)
    assert one.mean() == pytest.approx(0, abs=0.1)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    assert noisy(np.full_like(dark, 255), 8).min() > 200  # nothing wraps around


def test_compression_loses_the_more_the_lower_the_quality() -> None:
    crop = textured(1)
    losses = [np.abs(compressed(crop, q).astype(float) - crop).mean() for q in (95, 60, 30)]
    assert losses == sorted(losses)
    assert losses[0] > 0
    assert (EDITS["jpeg_30"](crop) == compressed(crop, 30)).all()


def test_a_reduced_crop_keeps_what_64_pixels_can_show_and_nothing_finer() -> None:
    board = np.indices((200, 200)).sum(axis=0) % 2 * 255
    fine = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    assert EDITS["reduced_64"](fine).std() < 6  # grey; without antialiasing a moiré
    waves = 128 + 100 * np.sin(np.arange(200) / 200 * 2 * np.pi * 4)
    coarse = np.tile(waves[None, :, None], (200, 1, 3)).astype(np.uint8)
    assert np.abs(EDITS["reduced_64"](coarse).astype(float) - coarse).mean() < 4


def test_changes_are_those_between_two_evaluations() -> None:
    files = [file(textured(seed, spread=10 + seed), age=20 + seed) for seed in range(12)]
    found = edit_figures(Texture(), files, lambda _name, _count: None)
    assert found["n"] == 12
    assert found["changes"].keys() == EDITS.keys()
    plain = evaluate(Texture(), files)
    assert found["as_they_are"] == {key: plain[key] for key in figure_names()}
    for name, edit in EDITS.items():
        edited = evaluate(Texture(), [changed(one, edit) for one in files])
        for key in ("age_mae", "age_bias", "gender_accuracy"):
            difference = edited[key] - plain[key]
            assert found["changes"][name][key] == pytest.approx(difference, abs=1e-3)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_model_that_takes_grain_for_age_is_found_out() -> None:
    files = [file(textured(seed), age=30) for seed in range(4)]
    changes = edit_figures(Texture(), files, lambda _name, _count: None)["changes"]
    assert changes["blur_2"]["age_bias"] < changes["blur_1"]["age_bias"] < -5
    assert changes["sharpened"]["age_bias"] > 5
    assert changes["noise_8"]["age_bias"] > 0.5
    assert changes["blur_1"]["gender_accuracy"] == -1


def test_broken_and_unlabelled_crops_are_left_out_and_silent_heads_move_nothing() -> None:
    good = LabelledFile("a.png", grey_crop(90), utkface_labels(30, 0, 0))
    files = [good, replace(good, data=b"broken"), replace(good, labels=None, refusal="malformed")]
    told: list[tuple[str, int]] = []
    found = edit_figures(
        Oracle({90: FaceAttributes()}), files, lambda *progress: told.append(progress)
    )
    assert found["n"] == 1
    assert found["changes"]["blur_1"] == dict.fromkeys(figure_names())
    assert told == [("as_they_are", 1), *((name, 1) for name in EDITS)]
    steady = edit_figures(Oracle({90: says(33, 0.1, white=1.0)}), files, lambda _name, _count: None)
    assert steady["as_they_are"]["age_bias"] == 3
    assert {moved for of in steady["changes"].values() for moved in of.values()} == {0}
    nothing = edit_figures(Oracle({}), [], lambda _name, _count: None)
    assert (nothing["n"], nothing["changes"]["blur_1"]["age_bias"]) == (0, None)


def test_a_sample_is_drawn_by_content_alone() -> None:
    files = [LabelledFile(f"{n}.png", f"{n}".encode(), utkface_labels(n, 0, 0)) for n in range(99)]
    drawn = draw(iter(files), 20)
    assert len(drawn) == 20
    renamed = [replace(one, name="x.png") for one in reversed(files)]
    assert [one.data for one in draw(renamed, 20)] == [one.data for one in drawn]
    assert (
        30 < np.mean([one.labels["age"] for one in drawn if one.labels]) < 70
    )  # not the first ones
    assert draw(files, 10) == drawn[:10]
    assert len(draw(files, SAMPLE)) == 99


def test_a_file_that_stays_as_it_is_is_not_encoded_anew() -> None:
    one = file(textured(0), 30)
    assert changed(one, unchanged) is one


def test_of_a_backlit_crop_the_face_is_dark_and_the_corners_are_not() -> None:
    crop = np.full((200, 200, 3), 200, np.uint8)
    dark = backlit(crop, 0.25)
    assert (dark[60:140, 60:140] == 50).all()
    assert (dark[:20, :20] == 200).all()
    assert ((dark >= 50) & (dark <= 200)).all()
