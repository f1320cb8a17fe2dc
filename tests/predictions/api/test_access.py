"""No call gives anything to anybody but the owner, or tells that it exists."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from predictions.models import Prediction
from tests.factories import FaceFactory, ModelVersionFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

CALLS = [
    ("get", ""),
    ("delete", ""),
    ("get", "photo/"),
    ("get", "faces/0/crop/"),
    ("post", "rerun/"),
]


@pytest.fixture
def prediction(user: User) -> Prediction:
    made: Prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    FaceFactory.create(prediction=made)
    return made


@pytest.mark.parametrize(("method", "rest"), CALLS)
def test_a_stranger_gets_the_same_404_as_for_nothing(
    stranger_api: APIClient, prediction: Prediction, method: str, rest: str
) -> None:
    theirs = getattr(stranger_api, method)(f"/api/v1/predictions/{prediction.pk}/{rest}")
    nothing = getattr(stranger_api, method)(f"/api/v1/predictions/{uuid.uuid4()}/{rest}")
    assert theirs.status_code == nothing.status_code == 404
    assert theirs.json() == nothing.json()
    assert Prediction.objects.count() == 1


def test_an_administrator_is_a_stranger_too(prediction: Prediction, nobody: APIClient) -> None:
    boss = User.objects.create_superuser("boss")
    _, key = AuthToken.objects.create(boss)
    nobody.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert nobody.get(f"/api/v1/predictions/{prediction.pk}/").status_code == 404


@pytest.mark.parametrize(("method", "rest"), CALLS)
def test_without_a_key_every_call_is_401(
    nobody: APIClient, prediction: Prediction, method: str, rest: str
) -> None:
    response = getattr(nobody, method)(f"/api/v1/predictions/{prediction.pk}/{rest}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert set(response.json()) == {"code", "message"}


@pytest.mark.parametrize("path", ["predictions/", "models/", "models/active/"])
def test_lists_need_a_key_too(nobody: APIClient, path: str) -> None:
    assert nobody.get(f"/api/v1/{path}").status_code == 401


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer a b", "Bearer \xff\xfe"])
def test_a_wrong_key_is_401(nobody: APIClient, header: str) -> None:
    nobody.credentials(HTTP_AUTHORIZATION=header)
    assert nobody.get("/api/v1/predictions/").status_code == 401


def test_a_key_that_ran_out_is_401(nobody: APIClient, user: User) -> None:
    _, key = AuthToken.objects.create(user, expiry=timedelta(days=1))
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    nobody.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert nobody.get("/api/v1/predictions/").status_code == 401


def test_keys_are_stored_hashed(user: User) -> None:
    token, key = AuthToken.objects.create(user)
    assert key not in str(vars(token))
    assert token.expiry > timezone.now() + timedelta(days=300)


def test_the_session_of_a_browser_is_no_key(user: User, nobody: APIClient) -> None:
    nobody.force_login(user)
    assert nobody.get("/api/v1/predictions/").status_code == 401


def test_models_are_listed_with_their_figures(api: APIClient) -> None:
    ModelVersionFactory.create(name="a")
    assert api.get("/api/v1/models/active/").status_code == 404
    ModelVersionFactory.create(
        name="b",
        is_active=True,
        manifest={"input_size": 96, "heads": {"age": {}}, "metrics": {"age_mae": 4.9}},
    )
    assert {entry["name"] for entry in api.get("/api/v1/models/").json()["results"]} == {"a", "b"}
    active = api.get("/api/v1/models/active/").json()
    assert (active["name"], active["input_size"], active["heads"]) == ("b", 96, ["age"])
    assert active["metrics"] == {"age_mae": 4.9}


@pytest.mark.parametrize("method", ["put", "patch"])
def test_other_methods_are_405(api: APIClient, prediction: Prediction, method: str) -> None:
    response = getattr(api, method)(f"/api/v1/predictions/{prediction.pk}/", format="multipart")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["", "nothing/", "predictions/not-an-id/", "predictions/%00/"])
def test_unknown_paths_answer_in_json(api: APIClient, path: str) -> None:
    response = api.get(f"/api/v1/{path}")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
