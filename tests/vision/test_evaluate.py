"""The figures of an evaluation are those one computes by hand."""

import io
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.vision.oracle import Oracle, crop, says
from vision.data.crop_files import read_crop
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.utkface import split_bucket, utkface_labels
from vision.evaluation.evaluate import evaluate
from vision.inference.engine import Engine
from vision.types import FaceAttributes


def test_every_figure_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=iter([10.0, 12.5]).__next__)
    monkeypatch.setattr("vision.evaluation.evaluate.time", clock)
    engine = Oracle(
        {
            10: says(30, 0.9, white=1.0),  # right in everything
            20: says(50, 0.1, others=0.6, black=0.4),  # 10 years off; race right of three only
            30: says(7, 0.2, white=1.0),  # 3 years off, gender and race wrong
        }
    )
    report = evaluate(
        engine,
        [
            LabelledFile("a.jpg", crop(10), utkface_labels(30, 1, 0)),
            LabelledFile("b.jpg", crop(20), utkface_labels(40, 0, 1)),
            LabelledFile("c.jpg", crop(30), utkface_labels(4, 1, 4)),
            LabelledFile("39_1_2017.jpg", crop(10), None, "malformed_name"),
            LabelledFile("30_1_9_1.jpg", crop(10), None, "label_out_of_range"),
            LabelledFile("d.jpg", b"broken", utkface_labels(30, 1, 1)),
        ],
    )
    expected = {
        "n": 3,
        "age_mae": 4.3333,
        "age_mse": 36.3333,
        "age_rmse": 6.0277,
        "age_bias": 4.3333,
        "gender_accuracy": 0.6667,
        "race_accuracy": 0.3333,
        "race3_accuracy": 1.0,
        "age_interval_coverage": 0.6667,
        "skipped": {"malformed_name": 1, "label_out_of_range": 1, "unreadable": 1},
    }
    assert {key: report[key] for key in expected} == expected
    assert report["seconds"] == 2.5
    assert [(g["race"], g["gender"], g["age"], g["n"]) for g in report["groups"]] == [
        ("black", "male", "40-49", 1),
        ("others", "female", "0-9", 1),
        ("white", "female", "30-39", 1),
    ]
    assert report["groups"][0]["age_mae"] == report["groups"][0]["age_bias"] == 10


def test_errors_either_way_cancel_out_in_the_bias_alone() -> None:
    engine = Oracle({10: says(33, 0.9, white=1.0), 20: says(30, 0.9, white=1.0)})
    files = [
        LabelledFile("a.jpg", crop(10), utkface_labels(30, 1, 0)),  # 3 years too old
        LabelledFile("b.jpg", crop(20), utkface_labels(40, 1, 0)),  # 10 too young
    ]
    report = evaluate(engine, files)
    assert (report["age_mae"], report["age_bias"]) == (6.5, -3.5)
    assert [group["age_bias"] for group in report["groups"]] == [3, -10]


def test_an_absent_head_and_an_empty_folder_give_no_figures() -> None:
    one = LabelledFile("a.jpg", crop(10), utkface_labels(30, 1, 0))
    report = evaluate(Oracle({10: FaceAttributes()}), [one])
    assert (report["n"], report["age_mae"], report["age_bias"]) == (1, None, None)
    assert evaluate(Oracle({}), [])["n"] == 0


def test_a_crop_is_reduced_with_antialiasing() -> None:
    board = (np.indices((200, 200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(board).save(data, "PNG")
    small = read_crop(data.getvalue(), 96)
    assert small.shape == (96, 96, 3)
    assert small.std() < 20  # every pixel is grey; without antialiasing they alternate


@pytest.mark.skipif(
    "FACEROUTE_UTKFACE" not in os.environ,
    reason="Set FACEROUTE_UTKFACE to a folder or zip of UTKFace to score the starter model on it.",
)
def test_the_starter_does_as_well_as_its_card_says() -> None:
    with LabelledFiles(Path(os.environ["FACEROUTE_UTKFACE"])) as files:
        validation = [file for file in files if split_bucket(file.data) == 1]
    starter = Path(__file__).parents[2] / "weights" / "starter"
    report = evaluate(Engine.load(starter), validation)
    assert report["age_mae"] < 5.3
    assert report["gender_accuracy"] > 0.91
    assert report["race3_accuracy"] > 0.92
    assert abs(report["age_interval_coverage"] - 0.8) < 0.03
