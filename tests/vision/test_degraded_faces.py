"""Faces that a photo shows badly are tried, and what is told of them is counted."""

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image
from skimage import data

from vision.data.labelled_files import LabelledFile
from vision.data.utkface import utkface_labels
from vision.evaluation.degraded_faces import TRIALS, Trial, trial_figures
from vision.evaluation.edits import blurred
from vision.evaluation.robustness import figure_names
from vision.inference.pipeline import Pipeline

PORTRAIT = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def files() -> list[LabelledFile]:
    made = []
    for half in (65, 69, 73):
        crop = io.BytesIO()
        PORTRAIT.crop((224 - half, 124 - half, 224 + half, 124 + half)).resize((200, 200)).save(
            crop, "PNG"
        )
        made.append(LabelledFile(f"{half}.png", crop.getvalue(), utkface_labels(33, 1, 0)))
    broken = LabelledFile("broken.png", b"broken", utkface_labels(33, 1, 0))
    return [*made, broken, LabelledFile("unlabelled.png", made[0].data, None, "malformed")]


def test_what_is_told_of_faces_is_counted(pipeline: Pipeline, files: list[LabelledFile]) -> None:
    told: list[tuple[str, int]] = []
    trials = {
        "good": Trial(),
        "small": Trial(25),
        "blurred": Trial(change=partial(blurred, sigma=7)),
        "black": Trial(brightness=0.0),
    }
    found = trial_figures(pipeline, files, trials, lambda *progress: told.append(progress))
    assert told == [(name, 3) for name in trials]
    good, small = found["good"], found["small"]
    assert (good["n"], good["found"], good["withheld"]) == (3, 3, 0)
    assert good["age_mae"] < 10
    assert good["gender_accuracy"] == 1
    assert good["width"] > 0
    assert good["warned"]["female"] == good["warned"]["white"] == good["warned"]["all"] == 0
    assert good["warned"]["male"] is good["warned"]["black"] is None
    assert good["held"] == {}  # of three crops that says nothing
    assert small["found"] == small["withheld"] > 0
    assert small["warned"]["all"] == 1
    assert all(small[key] is None for key in figure_names())
    assert found["blurred"]["withheld"] == found["blurred"]["found"]
    assert found["black"]["found"] == 0


def test_the_trials_that_ship_are_of_every_kind() -> None:
    sizes = {trial.size for trial in TRIALS.values()}
    assert (min(sizes), max(sizes)) == (16, 200)
    assert {trial.jpeg for trial in TRIALS.values()} == {75, 90}
    assert min(trial.brightness for trial in TRIALS.values()) < 1 / 32
    crop = np.asarray(PORTRAIT.crop((160, 60, 290, 190)))
    assert sum((trial.change(crop) != crop).any() for trial in TRIALS.values()) == 9
