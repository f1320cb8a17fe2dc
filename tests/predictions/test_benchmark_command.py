"""`benchmark` tells every part; how large the figures are is the machine's business."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from predictions.beside_network import BESIDE, QUEUE
from predictions.models import Prediction
from tests.factories import PredictionFactory
from vision.benchmark import heads


@pytest.fixture
def photo(photo_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo_bytes)
    return path


def benchmark(command: str, *arguments: Any) -> Any:
    printed = io.StringIO()
    call_command(command, *arguments, "--rounds", "1", stdout=printed)
    return json.loads(printed.getvalue())


@pytest.mark.django_db
def test_heads_are_trained_on_cached_features_and_on_a_backbone_run_again(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_TRAINED", 64)
    monkeypatch.setattr(heads, "_EPOCHS", 2)
    report = benchmark("benchmark", photo, "--json", "--parts", "heads")
    assert report["machine"]["processors"] >= 1
    assert report["heads"]["images"] == 64
    assert report["heads"]["times_faster"]["median"] > 1
    assert report["heads"]["epoch_on_cached_features_ms"] > 0


@pytest.mark.django_db
def test_a_photo_is_measured_beside_the_network(photo: Path) -> None:
    report = benchmark("benchmark_queue", photo)
    assert report[BESIDE]["wall_ms"]["best"] > 0
    assert report["times_the_backbone"]["wall"]["median"] > 0
    assert report[QUEUE]["wall_ms"]["best"] < report[BESIDE]["wall_ms"]["best"]
    assert not Prediction.objects.exists(), "nothing stays"


@pytest.mark.django_db
def test_a_database_with_predictions_is_left_alone(photo: Path, user: User) -> None:
    PredictionFactory.create()
    with pytest.raises(CommandError, match="holds predictions"):
        benchmark("benchmark_queue", photo)


@pytest.mark.django_db
def test_a_photo_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be opened"):
        call_command("benchmark", tmp_path / "nothing.jpg")
