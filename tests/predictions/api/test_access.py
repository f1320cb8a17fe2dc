"""No call gives anything to anybody but the owner, or tells that it exists."""

import itertools
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from predictions.models import Face, Photo, Prediction
from tests.factories import FaceFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
# Every call there is, from the API's own document: a new one is tested without anybody's help.
PATHS = SchemaGenerator().get_schema(public=True)["paths"]  # type: ignore[no-untyped-call]
OPERATIONS = [(method, path) for path in PATHS for method in PATHS[path]]
OF_ONE_PREDICTION = [path for path in PATHS if "predictions/{id}" in path]


@pytest.fixture
def prediction(user: User) -> Prediction:
    made: Prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    FaceFactory.create(prediction=made)
    return made


def call(client: APIClient, method: str, path: str, pk: uuid.UUID | int) -> Any:
    address = path.format(id=pk, index=0, archive=pk, other=pk)
    return getattr(client, method)(address, format="multipart")


def test_the_document_knows_every_call_of_one_prediction() -> None:
    rest = sorted(path.partition("{id}/")[2] for path in OF_ONE_PREDICTION)
    assert rest == [
        *("", "accuracy/", "annotated/", "anonymised/", "compared-with/{other}/"),
        *("faces/{index}/crop/", "photo/", "rerun/"),
    ]


@pytest.mark.parametrize(("method", "path"), [*itertools.product(METHODS, OF_ONE_PREDICTION)])
@pytest.mark.parametrize("outsider", ["stranger_api", "administrator_api"])
def test_an_outsider_gets_the_same_answer_as_for_nothing(
    request: pytest.FixtureRequest, prediction: Prediction, method: str, path: str, outsider: str
) -> None:
    client = request.getfixturevalue(outsider)
    theirs = call(client, method, path, prediction.pk)
    nothing = call(client, method, path, uuid.uuid4())
    assert theirs.content == nothing.content
    assert theirs.status_code == nothing.status_code
    assert theirs.status_code in ({200} if method == "options" else {404, 405})
    assert str(prediction.pk) not in theirs.content.decode()
    assert [model.objects.count() for model in (Photo, Prediction, Face)] == [1, 1, 1]


def test_a_strangers_list_is_empty(stranger_api: APIClient, prediction: Prediction) -> None:
    assert stranger_api.get("/api/v1/predictions/").json()["results"] == []
    by_status = stranger_api.get("/api/v1/predictions/?status=queued")
    assert by_status.json()["results"] == []


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_a_key_every_call_is_401(
    nobody: APIClient, prediction: Prediction, method: str, path: str
) -> None:
    response = call(nobody, method, path, 1 if "training-runs" in path else prediction.pk)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert set(response.json()) == {"code", "message"}
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize("path", ["schema/", "docs/"])
def test_the_document_and_its_pages_are_public(nobody: APIClient, path: str) -> None:
    nobody.credentials(HTTP_AUTHORIZATION="Bearer ran-out")
    assert nobody.get(f"/api/v1/{path}").status_code == 200
