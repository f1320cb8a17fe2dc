"""What comes back is small, is known again, and is whole whenever the writing was cut off."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.vision.training_set import small_backbone
from vision.bundles.bundle import Bundle
from vision.diskspace import DiskFull
from vision.offline.clock import Log
from vision.offline.results import ResultFolder, ResultUnusable, read_result
from vision.training.progress import FitProgress

ABOUT = {"parcel": "p", "device": "a GPU", "libraries": {}}
FACTS = {"recipe": {}, "complete": False, "seconds": 3}
METRICS = {"age": {"loss": 3.0, "validation_mae": 5.5}}


def epoch(number: int, mae: float) -> FitProgress:
    metrics = {"age": {"loss": 3.0, "validation_mae": mae}}
    return FitProgress("1: 48 px", number, 9, number, 9, metrics)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writing = ResultFolder(tmp_path / "out", ABOUT)
    Log(tmp_path / "out")("begun")
    writing.add_epoch(epoch(1, 7.5))
    writing.keep(small_backbone(), validation=METRICS, **FACTS)
    return tmp_path / "out"


def test_it_has_at_most_eight_files_of_16_mib_at_any_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    sync = os.fsync

    def count(descriptor: int) -> None:
        counts.append(len(list(folder.iterdir())))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    ResultFolder(folder, ABOUT).add_epoch(epoch(2, 6.5))
    ResultFolder(folder, ABOUT).keep(small_backbone(), validation=METRICS, **FACTS)
    files = list(folder.iterdir())
    assert max(counts) == 8
    assert len(files) == 5
    assert all(file.stat().st_size < 16 * 2**20 for file in files)
    assert all(set(file.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-") for file in files)


def test_weights_come_back_as_they_would_be_saved(folder: Path) -> None:
    result, sent = read_result(folder), small_backbone()
    assert result.bundle.manifest == sent.manifest
    assert result.about["validation"] == METRICS
    assert result.bundle.tensors.keys() == sent.tensors.keys()
    for name, values in sent.tensors.items():
        arrived = result.bundle.tensors[name]
        assert arrived.dtype == (np.float16 if values.ndim > 1 else np.float32)
        np.testing.assert_allclose(arrived, values.astype(arrived.dtype), atol=0)


def test_curves_have_every_epoch_once(folder: Path) -> None:
    writing = ResultFolder(folder, ABOUT)
    for number, mae in ((1, 7.5), (2, 6.5)):  # a training that goes on tells of the first again
        writing.add_epoch(epoch(number, mae))
    assert [one["age"]["validation_mae"] for one in read_result(folder).history["1: 48 px"]] == [
        7.5,
        6.5,
    ]


def test_a_kill_while_better_weights_are_written_leaves_those_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_result(folder).bundle.tensors
    better = Bundle({}, {name: values + 1 for name, values in small_backbone().tensors.items()})

    def killed(self: Path, target: Path) -> Path:
        if target.name == "result.json":
            raise KeyboardInterrupt
        return Path(self.rename(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            ResultFolder(folder, ABOUT).keep(better, validation=METRICS, **FACTS)
    assert (read_result(folder).bundle.tensors["conv1_1/kernel"] == before["conv1_1/kernel"]).all()
    ResultFolder(folder, ABOUT)
    assert len(list(folder.iterdir())) == 5  # what was half-done is gone
    ResultFolder(folder, ABOUT).keep(better, validation=METRICS, **FACTS)
    assert (read_result(folder).bundle.tensors["conv1_1/kernel"] != before["conv1_1/kernel"]).any()


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_part_that_is_not_whole_is_said(folder: Path, harm: str) -> None:
    part = next(folder.glob("weights-*"))
    part.write_bytes(part.read_bytes()[:-1]) if harm == "cut" else part.unlink()
    with pytest.raises(ResultUnusable, match=f"{part.name} is missing, or is not the one"):
        read_result(folder)


def test_a_full_disk_is_said_and_leaves_those_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files = sorted(folder.iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            ResultFolder(folder, ABOUT).keep(small_backbone(), validation=METRICS, **FACTS)
    assert sorted(folder.iterdir()) == files
    assert read_result(folder).about["validation"] == METRICS


def test_what_is_no_result_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ResultUnusable, match="holds no result"):
        read_result(tmp_path)
    about = json.loads((folder / "result.json").read_text())
    untold = {key: value for key, value in about.items() if key != "recipe"}
    (folder / "result.json").write_text(json.dumps(untold))
    with pytest.raises(ResultUnusable, match="does not tell recipe"):
        read_result(folder)
    (folder / "result.json").write_text(json.dumps({**about, "format_version": 99}))
    with pytest.raises(ResultUnusable, match="another version"):
        read_result(folder)
