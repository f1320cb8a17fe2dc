"""What came out of a batch: as a table in files, and in pages of JSON."""

import csv
import io
import json
import zipfile
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from predictions import exports
from predictions.batches import results
from predictions.batches.models import Batch
from predictions.batches.sending import note_refused
from predictions.models import Photo, Prediction, Status
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)
from vision.errors import PhotoUnreadable

pytestmark = pytest.mark.django_db


def a_photo(batch: Batch, name: str) -> Photo:
    photo: Photo = PhotoFactory.create(owner=batch.owner, batch=batch, name=name)
    return photo


def gender(label: str, probability: float) -> dict[str, Any]:
    other = {"male": "female", "female": "male"}[label]
    shares = {label: probability, other: 1 - probability}
    return {"label": label, "probability": probability, "probabilities": shares}


@pytest.fixture
def full(batch: Batch) -> Batch:
    """A batch with two faces, a photo without any, one that waits, one that was refused, one
    that failed."""
    version = ModelVersionFactory.create(name="v1")

    def done(name: str, count: int) -> Prediction:
        made: Prediction = FinishedPredictionFactory.create(
            photo=a_photo(batch, name), model_version=version, face_count=count
        )
        return made

    both = done("both.jpg", 2)
    young = {"years": 21.0, "low": 17, "high": 26, "coverage": 0.8, "distribution": []}
    FaceFactory.create(prediction=both, index=0)
    FaceFactory.create(prediction=both, index=1, gender=gender("male", 0.6), age=young)
    done("=cat().jpg", 0)
    PredictionFactory.create(photo=a_photo(batch, "waits.jpg"))
    failed = PredictionFactory.create(photo=a_photo(batch, "failed.jpg"), status=Status.FAILED)
    Prediction.objects.filter(pk=failed.pk).update(failure_code="worker_lost")
    note_refused(batch, "torn.jpg", "k", PhotoUnreadable().message)
    return batch


NAMES = ["both.jpg", "both.jpg", "=cat().jpg", "waits.jpg", "failed.jpg", "torn.jpg"]
STATES = ["done", "done", "done", "queued", "failed", "refused"]


def test_the_table_as_csv(browser: Client, full: Batch) -> None:
    answer = browser.get(f"/batches/{full.pk}/results.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="Holiday.csv"'
    assert "no-store" in answer["Cache-Control"]
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["status"] for row in rows] == STATES
    assert [row["photo"] for row in rows] == [*NAMES[:2], "'=cat().jpg", *NAMES[3:]]
    assert [row["face"] for row in rows] == ["1", "2", "", "", "", ""]
    assert [row["gender.label"] for row in rows][:2] == ["female", "male"]
    assert rows[4]["failure.code"] == "worker_lost"
    assert rows[5]["failure.message"].endswith(".")


def test_the_table_as_json_lines(browser: Client, full: Batch) -> None:
    answer = browser.get(f"/batches/{full.pk}/results.jsonl")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    rows = [json.loads(line) for line in lines]
    assert [row["photo"] for row in rows] == NAMES
    assert (rows[0]["age.years"], rows[0]["quality.reliable"]) == (34.2, True)
    assert list(rows[5]) == exports.columns()


def test_the_table_as_a_workbook(browser: Client, full: Batch) -> None:
    answer = browser.get(f"/batches/{full.pk}/results.xlsx")
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = list(sheet.iter(f"{space}row"))
    assert len(rows) == 1 + len(NAMES)
    assert not list(sheet.iter(f"{space}f"))  # no formula
    texts = ["".join(cell.itertext()) for cell in rows[3]]
    assert texts[0] == "=cat().jpg"
    age = exports.columns().index("age.years")
    [cell] = [one for one in rows[1] if one.get("r", "").startswith(_column(age))]
    assert (cell.get("t"), "".join(cell.itertext())) == (None, "34.2")


def _column(number: int) -> str:
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def test_results_come_in_pages(api: APIClient, full: Batch) -> None:
    address: str | None = f"/api/v1/batches/{full.pk}/results/?limit=2"
    seen = []
    while address:
        body = api.get(address).json()
        assert len(body["results"]) <= 2
        seen += body["results"]
        address = body["next"]
    assert [one["name"] for one in seen] == NAMES[1:]
    assert [bool(one["prediction"]) for one in seen] == [True, True, True, True, False]
    assert seen[0]["prediction"]["faces"][0]["gender"]["label"] == "female"
    assert seen[-1]["error"]["code"] == "photo_unreadable"


@pytest.mark.parametrize("wrong", ["cursor=x", "limit=0", "format=pdf", "cursor=2026-01-01_1"])
def test_what_makes_no_sense_is_400(api: APIClient, full: Batch, wrong: str) -> None:
    assert api.get(f"/api/v1/batches/{full.pk}/results/?{wrong}").status_code == 400


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("csv", "text/csv"), ("jsonl", "application/jsonl"), ("xlsx", "application/vnd.openxml")],
)
def test_tables_come_by_api(api: APIClient, full: Batch, kind: str, content_type: str) -> None:
    answer: Any = api.get(f"/api/v1/batches/{full.pk}/results/?format={kind}")
    assert answer["Content-Type"].startswith(content_type)
    assert b"".join(answer.streaming_content)


def test_a_long_table_is_read_in_parts(
    full: Batch, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(results, "_CHUNK", 2)
    assert [row["photo"] for row in results.rows(full)] == NAMES
    monkeypatch.setattr(results, "_CHUNK", 100)
    with django_assert_num_queries(6):
        list(results.rows(full))


def test_tables_are_nobody_elses(client: Client, stranger: User, full: Batch) -> None:
    client.force_login(stranger)
    for kind in ("csv", "xlsx", "jsonl"):
        assert client.get(f"/batches/{full.pk}/results.{kind}").status_code == 404
