"""`predict` as a program calls it: on an empty machine, shaped like the REST API."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[dict[str, Any]]]:
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.astronaut()).save(folder / "portrait.webp")  # type: ignore[no-untyped-call]
    Image.fromarray(data.chelsea()).save(folder / "cat.png")  # type: ignore[no-untyped-call]
    (folder / "words.jpg").write_text("no photo")
    Image.fromarray(data.astronaut()).save(folder / "cut.jpg")  # type: ignore[no-untyped-call]
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-500])
    names = ["portrait.webp", "cat.png", "words.jpg", "missing.jpg", "cut.jpg"]
    done = subprocess.run(
        [sys.executable, "manage.py", "predict", *(str(folder / name) for name in names), "--json"],
        cwd=ROOT,
        env={**os.environ, "FACEROUTE_DATA_DIR": str(folder / "data"), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


Outcome = tuple[int, list[dict[str, Any]]]


def test_the_portrait_has_one_face(outcome: Outcome) -> None:
    portrait = outcome[1][0]
    assert portrait["status"] == "done"
    assert portrait["model_version"] == "starter-10"
    assert portrait["photo"] == {"width": 512, "height": 512, "url": None}
    [face] = portrait["faces"]
    assert face["gender"]["label"] == "female"
    assert 25 <= face["age"]["years"] <= 42
    assert face["age"]["low"] < face["age"]["high"]
    assert set(face) == {"index", "box", "detection_confidence", "quality", "age", "gender", "race"}
    assert face["quality"]["size"] == pytest.approx(face["box"]["width"], rel=0.15)
    assert face["quality"]["reliable"] is True


def test_the_cat_has_none(outcome: Outcome) -> None:
    assert (outcome[1][1]["status"], outcome[1][1]["faces"]) == ("done", [])


def test_what_is_no_photo_fails_in_its_place(outcome: Outcome) -> None:
    code, entries = outcome
    assert code == 1
    assert [entry["failure"] and entry["failure"]["code"] for entry in entries] == [
        None,
        None,
        "photo_type_unsupported",
        "photo_unreadable",
        None,
    ]


def test_a_photo_that_was_cut_short_says_so(outcome: Outcome) -> None:
    *others, cut = outcome[1]
    assert [entry["warnings"] for entry in others] == [[]] * 4
    assert [warning["code"] for warning in cut["warnings"]] == ["photo_cut_short"]
    assert len(cut["faces"]) == 1
