"""`evaluate` as a program calls it: one JSON document, from a real model, nothing else running."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from vision.bundles.bundle import add_trained_on
from vision.bundles.trained_on import of_examples
from vision.data.inspection import inspect
from vision.data.utkface import split_bucket

ROOT = Path(__file__).parents[2]


def run(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "FACEROUTE_DATA_DIR": str(data_dir), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def face() -> Image.Image:
    from skimage import data

    astronaut = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    return astronaut.crop((168, 60, 282, 174)).resize((200, 200))


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    crops = tmp_path / "UTKFace"
    crops.mkdir()
    crop = face()
    crop.save(crops / "36_1_0_20170116174525125.jpg.chip.jpg", "JPEG", quality=95)
    crop.save(crops / "39_1_20170116174525125.jpg.chip.jpg", "JPEG")
    done = run("evaluate", str(crops), "--json", data_dir=tmp_path / "empty")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert list(report)[:9] == [
        "n",
        "age_mae",
        "age_mse",
        "age_rmse",
        "age_bias",
        "gender_accuracy",
        "race_accuracy",
        "race3_accuracy",
        "age_interval_coverage",
    ]
    assert {"groups", "seconds"} <= report.keys()
    assert (report["n"], report["gender_accuracy"]) == (1, 1.0)
    assert report["age_mae"] == abs(report["age_bias"]) < 12  # of one crop
    assert report["groups"][0]["age_bias"] == report["age_bias"]
    assert "edits" not in report
    assert report["skipped"] == {"malformed_name": 1}


def test_edits_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    crops = tmp_path / "UTKFace"
    crops.mkdir()
    crop = face()
    crop.save(crops / "36_1_0_20170116174525125.jpg.chip.jpg", "JPEG", quality=95)
    for age in range(30, 40):
        crop.save(crops / f"{age}_1_0_2017.jpg.chip.jpg", "JPEG", quality=age)
    buckets = [split_bucket(one.read_bytes()) for one in crops.iterdir()]
    chosen = ("evaluate", str(crops), "--bucket", str(buckets[0]), "--edits")
    report = json.loads(run(*chosen, "--json", data_dir=tmp_path / "empty").stdout)
    assert report["n"] == report["edits"]["n"] == buckets.count(buckets[0]) < len(buckets)
    for key, value in report["edits"]["as_they_are"].items():
        assert value == report[key]
    blurred = report["edits"]["changes"]["blur_2"]
    assert blurred["age_bias"] != 0
    told = run(*chosen, data_dir=tmp_path / "empty").stdout
    assert f"age bias {blurred['age_bias']:+.4f}" in told


def test_crops_that_the_model_was_trained_on_are_counted_and_scored(tmp_path: Path) -> None:
    crop = face()
    crop.save(tmp_path / "36_1_0_1.jpg", "JPEG", quality=95)
    crop.rotate(90).save(tmp_path / "36_1_0_2.jpg", "JPEG")
    model = shutil.copytree(ROOT / "weights" / "starter", tmp_path / "model")
    arguments = ("evaluate", str(tmp_path), "--model", str(model), "--json")
    before = json.loads(run(*arguments, data_dir=tmp_path / "empty").stdout)
    assert (before["n"], before["seen"]) == (2, 0)
    looks = inspect((tmp_path / "36_1_0_1.jpg").read_bytes()).perceptual_hash
    add_trained_on(model, of_examples(["ab" * 32], [looks], "f" * 64))
    after = json.loads(run(*arguments, data_dir=tmp_path / "empty").stdout)
    assert (after["n"], after["seen"]) == (2, 1)
    assert after["age_mae"] == before["age_mae"]


def test_crops_may_be_labelled_by_a_table(tmp_path: Path) -> None:
    face().save(tmp_path / "someone.png")
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,age,gender,race\nsomeone.png,36,female,white\nother.png,136,male,white\n"
    )
    done = run("evaluate", str(table), "--json", data_dir=tmp_path / "empty")
    report = json.loads(done.stdout)
    assert (report["n"], report["skipped"]) == (1, {"label_out_of_range": 1})
    assert report["groups"][0]["race"] == "white"


def test_a_mistake_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    done = run("evaluate", str(tmp_path / "nowhere"), data_dir=tmp_path / "empty")
    assert done.returncode != 0
    assert "not a readable folder, zip archive or label file" in done.stderr
    assert "Traceback" not in done.stderr
