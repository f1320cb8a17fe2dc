"""The model versions and their figures."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import ModelVersionFactory
from training.models import Exam, ExamImage, ExamOutcome, ModelVersion

pytestmark = pytest.mark.django_db


def test_every_version_is_listed_newest_first(api: APIClient) -> None:
    for name in ("old", "new"):
        ModelVersionFactory.create(name=name)
    assert [entry["name"] for entry in api.get("/api/v1/models/").json()["results"]] == [
        "new",
        "old",
    ]


def test_the_active_version_is_told_with_its_figures(api: APIClient) -> None:
    ModelVersionFactory.create(name="idle")
    manifest = {"input_size": 96, "heads": {"age": {}}, "metrics": {"age_mae": 4.9}}
    ModelVersionFactory.create(name="serving", is_active=True, manifest=manifest)
    active = api.get("/api/v1/models/active/").json()
    assert active.pop("created_at").endswith("Z")
    assert active == {
        "name": "serving",
        "is_active": True,
        "input_size": 96,
        "heads": ["age"],
        "metrics": {"age_mae": 4.9},
        "exam": None,
    }


def test_every_version_has_its_figures_on_the_exam(
    api: APIClient, django_assert_max_num_queries: Any
) -> None:
    exam = Exam.objects.create(dataset_name="faces")
    for position in range(3):
        ExamImage.objects.create(
            exam=exam, position=position, digest=str(position), age=30, gender=0, race=0
        )
    versions = [ModelVersionFactory.create(name=f"v{number}") for number in range(4)]
    former = Exam.objects.create(dataset_name="former", attributes="age")
    for number, version in enumerate(versions[:3]):
        figures = {"n": 3 - number, "age_mae": 4.0 + number}
        ExamOutcome.objects.create(exam=exam, version=version, scores=b"", figures=figures)
    Exam.objects.filter(pk=exam.pk).update(of_utkface=True)
    ExamOutcome.objects.create(exam=former, version=versions[3], scores=b"", figures={"n": 1})
    ModelVersion.objects.filter(pk=versions[1].pk).update(is_active=True)
    api.get("/api/v1/models/")  # notes that the key is used, once an hour
    with django_assert_max_num_queries(9):
        listed = api.get("/api/v1/models/").json()["results"]
    told = {entry["name"]: entry["exam"] for entry in listed}
    assert told["v3"] is None  # it sat another exam, which compares with nothing now
    assert told["v1"].pop("frozen_at")
    assert told["v1"] == {
        "dataset": "faces", "images": 3, "versions": 3, "n": 2, "age_mae": 5.0,
    }  # fmt: skip
    assert api.get("/api/v1/models/active/").json()["exam"]["age_mae"] == 5.0


def test_no_active_version_is_404_in_words(api: APIClient) -> None:
    ModelVersionFactory.create(name="idle")
    response = api.get("/api/v1/models/active/")
    assert response.status_code == 404
    assert response.json() == {"code": "not_found", "message": "No model version is active yet."}
