"""The model versions and their figures."""

import pytest
from rest_framework.test import APIClient

from tests.factories import ModelVersionFactory

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
    }


def test_no_active_version_is_404_in_words(api: APIClient) -> None:
    ModelVersionFactory.create(name="idle")
    response = api.get("/api/v1/models/active/")
    assert response.status_code == 404
    assert response.json() == {"code": "not_found", "message": "No model version is active yet."}
