"""Whatever hangs, and however early, a training on a borrowed machine ends with its minutes."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vision.offline.clock import Clock, Log

ROOT = Path(__file__).parents[3]
HANGS = "import time\ntime.sleep(600)\n"
REFUSES = "raise SystemExit('JAX was asked for')\n"


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    """As far as is looked at before the clock ticks."""
    folder = tmp_path / "parcel"
    folder.mkdir()
    (folder / "parcel.json").write_text("{}")
    return folder


def train(parcel: Path, jax: str, *, minutes: float = 10) -> "subprocess.CompletedProcess[str]":
    """With a JAX that is `jax`, and nothing else that takes time."""
    there = parcel.parent / "there"
    there.mkdir(exist_ok=True)
    (there / "jax.py").write_text(jax)
    out = parcel.parent / "out"
    return subprocess.run(
        [sys.executable, "-m", "vision.offline", parcel, "--minutes", str(minutes), "--out", out],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(there), "TMPDIR": str(there)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def made_by(parcel: bytes, out: Path) -> None:
    out.mkdir(exist_ok=True)
    about = {"parcel": hashlib.sha256(parcel).hexdigest()}
    (out / "result.json").write_text(json.dumps(about))


def test_a_device_that_does_not_answer_cannot_keep_it(parcel: Path) -> None:
    ended = train(parcel, HANGS, minutes=0.02)
    assert ended.returncode == 1
    assert "there is no result yet" in ended.stdout
    assert "there is no result yet" in (parcel.parent / "out" / "log.txt").read_text()


def test_what_is_there_already_is_the_result(parcel: Path) -> None:
    made_by(b"{}", parcel.parent / "out")
    ended = train(parcel, HANGS, minutes=0.02)
    assert ended.returncode == 0
    assert "what is written so far is the result" in ended.stdout


def test_what_another_parcel_has_made_is_not_written_over(parcel: Path) -> None:
    made_by(b"another", parcel.parent / "out")
    ended = train(parcel, REFUSES)
    assert ended.returncode == 1
    assert "by another parcel" in ended.stderr


def test_another_parcel_has_minutes_of_its_own(parcel: Path) -> None:
    train(parcel, HANGS, minutes=0.02)
    assert "The time is over" in train(parcel, HANGS, minutes=0.02).stdout
    (parcel / "parcel.json").write_text("{ }")
    ended = train(parcel, REFUSES)
    assert "JAX was asked for" in ended.stderr


def test_on_a_full_disk_a_line_is_printed_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.txt").symlink_to("/dev/full")
    Log(tmp_path)("An epoch is through.")
    said = capsys.readouterr()
    assert said.out == "An epoch is through.\n"
    assert "The disk is full" in said.err


def test_a_later_call_goes_on_with_what_is_left(tmp_path: Path) -> None:
    now = time.monotonic()
    (tmp_path / "spent.txt").write_text("20.0")
    clock = Clock(tmp_path, 60, now)
    assert clock.end == now + 40
    assert clock.spent == pytest.approx(20, abs=5)
