"""Nothing that the site shows a person is kept by a browser or a proxy."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.models import Prediction
from tests.factories import FaceFactory, PhotoFactory, PredictionFactory
from tests.predictions.conftest import client_of

pytestmark = pytest.mark.django_db

PAGES = (
    "",
    "card/",
    "result.json",
    "result.csv",
    "photo.jpg",
    "faces/0.jpg",
    "annotated.jpg",
    "anonymised.jpg?faces=0&download",
)


@pytest.fixture
def prediction(user: User) -> Prediction:
    made: Prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    FaceFactory.create(prediction=made)
    return made


def test_pages_files_and_errors_of_a_person_are_not_kept(
    client: Client, user: User, prediction: Prediction
) -> None:
    client.force_login(user)
    own = [f"/predictions/{prediction.pk}/{rest}" for rest in PAGES]
    own.append(f"/predictions/{prediction.pk}/compared-with/{prediction.pk}/")
    accounts = ["/account/keys/", "/account/password/", "/account/delete/", "/account/login/"]
    for address in [*own, *accounts, "/", "/history/", "/about/", "/nothing/", "/admin/"]:
        assert "no-store" in client.get(address)["Cache-Control"], address
        assert "private" in client.get(address)["Cache-Control"], address


def test_what_programs_are_told_is_not_kept(user: User, prediction: Prediction) -> None:
    program = client_of(user)
    for rest in ("", f"{prediction.pk}/", f"{prediction.pk}/photo/", "nothing/"):
        answer = program.get(f"/api/v1/predictions/{rest}")
        assert answer["Cache-Control"] == "no-store, private"
