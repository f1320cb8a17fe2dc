"""Results as a table: one row a face, columns for all that is declared, safe in a spreadsheet."""

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.models import Face, Prediction, Status
from predictions.tables import as_csv, columns, rows
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory
from tests.training.test_attributes import GLASSES
from vision.attributes import ATTRIBUTES
from vision.types import Quality

pytestmark = pytest.mark.django_db


@pytest.fixture
def prediction(user: User) -> Prediction:
    made: Prediction = FinishedPredictionFactory.create(
        photo=PhotoFactory.create(owner=user, name="가족.jpg"), model_version__name="starter-1"
    )
    return made


def read(document: str) -> list[dict[str, str]]:
    """The rows of a CSV document, as a program that knows of the mark reads them."""
    assert document.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(document.removeprefix("\ufeff"))))


def download(client: Client, prediction: Prediction) -> Any:
    assert prediction.owner
    client.force_login(prediction.owner)
    return client.get(f"/predictions/{prediction.pk}/result.csv")


def test_every_face_is_a_row(client: Client, prediction: Prediction) -> None:
    FaceFactory.create(prediction=prediction, index=0)
    FaceFactory.create(prediction=prediction, index=1, x=-12)
    response = download(client, prediction)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="faceroute-{prediction.pk}.csv"' in response["Content-Disposition"]
    first, second = read(response.content.decode())
    assert first == {
        "photo": "가족.jpg",
        "id": str(prediction.pk),
        "status": "done",
        "model_version": "starter-1",
        "created_at": prediction.created_at.isoformat(),
        "face": "1",
        "box.x": "100",
        "box.y": "80",
        "box.width": "180",
        "box.height": "210",
        "detection_confidence": "0.998",
        "quality.size": "182",
        "quality.sharpness": "0.7",
        "quality.exposure": "0.6",
        "quality.overexposed": "0.0",
        "quality.turn": "12",
        "quality.cut": "false",
        "quality.reliable": "true",
        "quality.warnings": "",
        "age.years": "34.2",
        "age.low": "27",
        "age.high": "42",
        "age.coverage": "0.8",
        "gender.label": "female",
        "gender.probability": "0.97",
        "gender.probabilities.male": "0.03",
        "gender.probabilities.female": "0.97",
        "race.label": "asian",
        "race.probability": "0.91",
        "race.probabilities.white": "0.05",
        "race.probabilities.black": "0.01",
        "race.probabilities.asian": "0.91",
        "race.probabilities.indian": "0.02",
        "race.probabilities.others": "0.01",
        **{f"correction.{name}": "" for name in ("age", "gender", "race")},
    }
    assert (second["face"], second["box.x"]) == ("2", "-12")


def test_a_photo_without_a_face_is_a_row_too(client: Client, prediction: Prediction) -> None:
    (row,) = read(download(client, prediction).content.decode())
    known = {"photo", "id", "status", "model_version", "created_at"}
    assert {name for name, cell in row.items() if cell} == known
    assert list(row) == columns()


def test_what_did_not_work_says_so(prediction: Prediction) -> None:
    Prediction.objects.update(status=Status.FAILED, model_version=None)
    (row,) = rows(Prediction.objects.all())
    assert (row["status"], row["model_version"]) == ("failed", None)


def test_what_is_withheld_or_switched_off_is_empty(prediction: Prediction, settings: Any) -> None:
    quality = {"size": 14, "reliable": False, "warnings": ["too_small", "cut"]}
    FaceFactory.create(prediction=prediction, quality=quality, age=None)
    settings.HEADS = ("age", "gender")
    (row,) = read(as_csv(columns(), rows([prediction])))
    assert row["quality.warnings"] == "too_small cut"
    assert row["quality.reliable"] == "false"
    assert row["gender.label"] == "female"
    assert not any(cell for name, cell in row.items() if name.startswith(("age.", "race.")))


def test_a_face_of_before_has_no_quality(prediction: Prediction) -> None:
    FaceFactory.create(prediction=prediction, quality=None)
    (row,) = read(as_csv(columns(), rows([prediction])))
    assert not any(cell for name, cell in row.items() if name.startswith("quality."))
    assert row["age.years"] == "34.2"


def test_whatever_is_measured_of_a_face_is_a_column() -> None:
    measured = Quality(1, 0.5, 0.5, 0.0, 0, cut=False).as_json()
    assert [name for name in columns() if name.startswith("quality.")] == [
        f"quality.{name}" for name in measured
    ]


def test_another_attribute_has_columns_once_it_is_declared(
    prediction: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ATTRIBUTES, "glasses", GLASSES)
    probabilities = {"without": 0.2, "with": 0.8}
    told = {"label": "with", "probability": 0.8, "probabilities": probabilities}
    monkeypatch.setattr(Face, "estimate", lambda _face, name: told if name == "glasses" else None)
    FaceFactory.create(prediction=prediction)
    (row,) = rows([prediction])
    assert {name: row[name] for name in columns() if name.startswith("glasses.")} == {
        "glasses.label": "with",
        "glasses.probability": 0.8,
        "glasses.probabilities.without": 0.2,
        "glasses.probabilities.with": 0.8,
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_no_name_runs_in_a_spreadsheet(prediction: Prediction, start: str) -> None:
    name = f'{start}HYPERLINK("http://example.org","ann.jpg")'
    prediction.photo.name = name
    (row,) = csv.DictReader(io.StringIO(as_csv(columns(), rows([prediction])), newline=""))
    assert row["\ufeffphoto"] == f"'{name}"


@pytest.mark.parametrize("separator", [";", "\t", "\n"])
def test_nor_does_what_follows_a_separator_of_other_countries(
    prediction: Prediction, separator: str
) -> None:
    prediction.photo.name = f"ann{separator}=1+1;2.jpg"
    (row,) = csv.DictReader(io.StringIO(as_csv(columns(), rows([prediction])), newline=""))
    assert row["\ufeffphoto"] == f"ann{separator}'=1+1;2.jpg"


def test_cells_keep_their_types_until_they_are_written(prediction: Prediction) -> None:
    FaceFactory.create(prediction=prediction)
    (row,) = rows([prediction])
    assert isinstance(row["created_at"], datetime)
    assert row["quality.cut"] is False
    assert row["box.width"] == 180
