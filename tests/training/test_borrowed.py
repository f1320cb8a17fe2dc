"""A training travels to a machine without internet and comes home, whatever happens there."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.training.trainable import small_dataset
from tests.vision.training_set import small_backbone
from training.datasets import curations
from training.models import Dataset, ModelVersion, Sample
from training.registry.stored_bundles import bundle_path
from training.registry.versions import active_version
from training.runs.borrowed import tracked_bytes
from vision.bundles.bundle import load_bundle
from vision.offline.parcel import open_parcel, read_about
from vision.offline.results import ResultFolder, read_result

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"
    settings.DATASET_ROOT = tmp_path / "datasets"


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


@pytest.fixture
def parcel(dataset: Dataset, tmp_path: Path) -> Path:
    return export(tmp_path / "parcel")


@pytest.fixture
def result(parcel: Path, tmp_path: Path) -> Path:
    """What a training of the parcel might have left: the starter's weights."""
    packed, fingerprint = read_about(parcel)
    about = {"parcel": fingerprint, "device": "a GPU", "libraries": {"jax": "0"}}
    folder = ResultFolder(tmp_path / "out", about)
    facts = {"recipe": packed["recipe"], "validation": {}}
    folder.keep(small_backbone(), **facts, complete=True, seconds=1)
    (tmp_path / "out" / "curves.json").write_text("{}")
    return tmp_path / "out"


def export(folder: Path, *arguments: str) -> Path:
    quick = ("--recipe", "starter-gpu", "--size", "48", "--batch", "16", "--no-wheels", "--json")
    call_command("export_training", str(folder), *quick, *arguments)
    return folder


def bring_home(result: Path, parcel: Path, *arguments: str) -> None:
    call_command("import_training", str(result), "--parcel", str(parcel), *arguments)


def train_there(parcel: Path, out: Path, minutes: float) -> "subprocess.Popen[bytes]":
    script = Path(__file__).with_name("bare_machine.py")
    temporary = out.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(script), str(parcel), "--minutes", str(minutes), "--out", str(out)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(temporary),
            # Compiling well takes longer than these few steps.
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        },
    )


def wait_for_epochs(out: Path, process: "subprocess.Popen[bytes]", count: int) -> float:
    """Seconds until the first result lay there and some epochs were through."""
    begun, curves = time.monotonic(), out / "curves.json"
    while not (out / "result.json").exists() or len(epochs(curves)) < count:
        assert process.poll() is None
        assert time.monotonic() < begun + 1200
        time.sleep(0.1)
    return time.monotonic() - begun


def epochs(curves: Path) -> list[Any]:
    return json.loads(curves.read_text())["1: 48 px"] if curves.exists() else []


def test_packed_trained_killed_resumed_cut_off_by_the_clock_and_brought_home(
    parcel: Path, dataset: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with train_there(parcel, out, minutes=600) as process:
        took = wait_for_epochs(out, process, count=2)
        process.send_signal(signal.SIGKILL)
    killed = read_result(out)
    assert not killed.about["complete"]
    log = (out / "log.txt").read_text()
    planned = int(re.findall(r"The plan: 1: 48 px: (\d+) epochs", log)[0])
    # Beside what it keeps back for its end, time for some epochs more, and not for all.
    (plan,) = (tmp_path / "tmp").glob("*/plan.json")
    _recipe, spare, _compiling = json.loads(plan.read_text())
    with train_there(parcel, out, minutes=(2.2 * took + spare) / 60) as process:
        assert process.wait(timeout=600) == 0
    capfd.readouterr()
    ended = read_result(out)
    made = sum(map(len, ended.history.values()))
    assert ended.about["complete"]
    assert 2 < made < planned
    assert ended.history["1: 48 px"][:2] == killed.history["1: 48 px"][:2]

    bring_home(out, parcel, "--name", "travelled", "--activate=even-if-worse", "--json")
    told = json.loads(capfd.readouterr().out.splitlines()[-1])
    version = ModelVersion.objects.get(name="travelled")
    assert version == active_version()
    assert told == {"model_version": "travelled", "metrics": version.metrics}
    curated = curations.curated(dataset, "full")
    bundle = load_bundle(bundle_path(version))
    assert version.metrics["n"] == len(curated.test)
    assert bundle.trained_on is not None
    assert bundle.trained_on.holds([one.digest for one in curated.train]).all()
    training = bundle.manifest["training"]
    assert training["history"] == ended.history
    assert training["recipe"]["stages"] == [[48, planned, 16]]
    assert bundle.manifest["reading"] == ended.bundle.manifest["reading"]
    assert bundle.manifest["data"]["fingerprint"] == curated.fingerprint


def test_a_parcel_says_what_it_weighs(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(tmp_path / "parcel")
    told = json.loads(capsys.readouterr().out)
    assert told["folders"] == [str(folder)]
    assert told["bytes"] == [sum(file.stat().st_size for file in folder.iterdir())]
    assert told["tracked"] == tracked_bytes(ROOT)


def test_a_parcel_over_the_limit_is_refused_or_divided(dataset: Dataset, tmp_path: Path) -> None:
    size = sum(file.stat().st_size for file in export(tmp_path / "whole").iterdir())
    # A parcel reserves a mebibyte for what is not images.
    limit = str((tracked_bytes(ROOT) + size / 2) / 2**20)
    with pytest.raises(CommandError, match=r"together more than.*pack it as two"):
        export(tmp_path / "parcel", "--limit", limit)
    assert not list(tmp_path.glob("*parcel*"))
    limit = str((tracked_bytes(ROOT) + 2**20 + size / 2) / 2**20)
    export(tmp_path / "parcel", "--limit", limit, "--two")
    parcel = open_parcel([tmp_path / "parcel", tmp_path / "parcel-2"])
    assert len(parcel.images) == len(open_parcel([tmp_path / "whole"]).images)


def test_a_folder_that_is_there_is_not_written_over(parcel: Path) -> None:
    with pytest.raises(CommandError, match="a folder “parcel” already"):
        export(parcel)


def test_where_git_knows_nothing_it_is_said(
    dataset: Dataset, tmp_path: Path, settings: Any
) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match="from a checkout"):
        export(tmp_path / "parcel")


def test_a_result_of_another_parcel_is_refused(
    dataset: Dataset, result: Path, tmp_path: Path
) -> None:
    other = export(tmp_path / "other", "--seed", "7")
    with pytest.raises(CommandError, match="of another parcel"):
        bring_home(result, other)


def test_a_dataset_that_has_changed_is_said(parcel: Path, result: Path, dataset: Dataset) -> None:
    curated = curations.curated(dataset, "full")
    Sample.objects.filter(digest=curated.train[0].digest).update(age=99)
    words = f"trained on {len(curated.train)} images.*or other labels"
    with pytest.raises(CommandError, match=words):
        bring_home(result, parcel)
    Dataset.objects.all().delete()
    with pytest.raises(CommandError, match="That dataset is not here"):
        bring_home(result, parcel)
    assert not ModelVersion.objects.exists()


def test_a_dataset_by_another_name_is_found(parcel: Path, result: Path, dataset: Dataset) -> None:
    Dataset.objects.update(name="renamed")
    bring_home(result, parcel, "--name", "found")
    version = ModelVersion.objects.get(name="found")
    assert version.manifest["data"]["dataset"] == "renamed"
    assert active_version() is None


def test_a_name_in_use_is_said_before_anything_is_done(parcel: Path, result: Path) -> None:
    bring_home(result, parcel, "--name", "first")
    with pytest.raises(CommandError, match="called “first” already"):
        bring_home(result, parcel, "--name", "first")
