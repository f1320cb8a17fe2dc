"""`benchmark` gives every figure; how large they are is the machine's business."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from vision.inference import benchmark


@pytest.mark.django_db
def test_every_figure_is_there_and_positive(
    photo_bytes: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "_ROUNDS", 1)
    monkeypatch.setattr(benchmark, "_MATRIX", 256)
    (tmp_path / "photo.jpg").write_bytes(photo_bytes)
    printed = io.StringIO()
    call_command("benchmark", tmp_path / "photo.jpg", "--json", stdout=printed)
    report = json.loads(printed.getvalue())
    assert {"decode_12_megapixels_ms", "detect_ms", "float32"} <= report.keys()
    assert {"matrix_gflops", "model_96px_ms_in_batch", "trunk_224px_share_of_peak"} <= report[
        "float32"
    ].keys()
    assert all(figure > 0 for figure in numbers(report))


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [figure for inner in value.values() for figure in numbers(inner)]
    return [value] if isinstance(value, float) else []


@pytest.mark.django_db
def test_a_photo_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be opened"):
        call_command("benchmark", tmp_path / "nothing.jpg")
