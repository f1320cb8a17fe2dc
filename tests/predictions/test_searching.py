"""History and API narrowed by what photos show."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from rest_framework.test import APIClient

from predictions.models import Correction, Face, Prediction
from predictions.searching import FaceQuery
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db


def surely(label: str) -> dict[str, Any]:
    return {"label": label, "probability": 1.0, "probabilities": {label: 1.0}}


def shown(user: User, *faces: tuple[float, str, str]) -> Prediction:
    """A finished photo with faces of these ages, genders and races."""
    made: Prediction = FinishedPredictionFactory.create(
        photo=PhotoFactory.create(owner=user), face_count=len(faces)
    )
    for index, (years, gender, race) in enumerate(faces):
        FaceFactory.create(
            prediction=made,
            index=index,
            age={"years": years, "distribution": []},
            gender=surely(gender),
            race=surely(race),
        )
    return made


@pytest.fixture
def photos(user: User) -> dict[str, Prediction]:
    made = {
        "nobody": shown(user),
        "girl": shown(user, (8.0, "female", "asian")),
        "couple": shown(user, (41.5, "female", "black"), (63.0, "male", "white")),
    }
    made["waiting"] = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    return made


QUERIES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"nobody", "girl", "couple", "waiting"}),
    ({"faces_max": 0}, {"nobody"}),
    ({"faces_min": 1}, {"girl", "couple"}),
    ({"faces_min": 2, "faces_max": 2}, {"couple"}),
    ({"gender": "female"}, {"girl", "couple"}),
    ({"gender": "female", "race": "white"}, set()),  # no one face is both
    ({"age_min": 40, "gender": "female"}, {"couple"}),
    ({"age_min": 42, "age_max": 62}, set()),
    ({"age_max": 8}, {"girl"}),
]


@pytest.mark.parametrize(("wanted", "expected"), QUERIES)
def test_lists_are_narrowed_by_faces(
    api: APIClient, photos: dict[str, Prediction], wanted: dict[str, Any], expected: set[str]
) -> None:
    found = api.get("/api/v1/predictions/", wanted).json()["results"]
    assert {one["id"] for one in found} == {str(photos[name].pk) for name in expected}


@pytest.mark.parametrize(("wanted", "expected"), QUERIES)
def test_the_history_is_narrowed_by_faces(
    client: Client,
    user: User,
    photos: dict[str, Prediction],
    wanted: dict[str, Any],
    expected: set[str],
) -> None:
    client.force_login(user)
    page = client.get("/history/", wanted).content.decode()
    assert {name for name, one in photos.items() if f'id="card-{one.pk}"' in page} == expected


@pytest.mark.parametrize(
    "wanted",
    [{"gender": "woman"}, {"age_min": "-1"}, {"faces_max": "9" * 5000}, {"faces_min": "one"}],
)
def test_what_makes_no_sense_is_refused_by_name(api: APIClient, wanted: dict[str, str]) -> None:
    answer = api.get("/api/v1/predictions/", wanted)
    assert answer.status_code == 400
    assert list(wanted) == list(answer.json()["fields"])


def test_a_head_that_is_switched_off_is_not_searched_by(
    api: APIClient, client: Client, user: User, photos: dict[str, Prediction], settings: Any
) -> None:
    settings.HEADS = ("gender",)
    client.force_login(user)
    page = client.get("/history/").content.decode()
    assert 'name="gender"' in page
    assert 'name="race"' not in page
    assert 'name="age_min"' not in page
    everything = api.get("/api/v1/predictions/?race=asian&age_max=8").json()
    assert len(everything["results"]) == len(photos)


def test_an_attribute_s_column_says_what_its_document_says(photos: dict[str, Prediction]) -> None:
    for face in Face.objects.all():
        assert face.age_years == face.estimates["age"]["years"]
        assert face.gender_label == face.estimates["gender"]["label"]
        assert face.race_label == face.estimates["race"]["label"]


def test_a_label_is_found_by_its_index(photos: dict[str, Prediction]) -> None:
    query = FaceQuery(labels={"race": "asian"}).narrow(Prediction.objects.all())
    assert [one.pk for one in query] == [photos["girl"].pk]
    assert "face_by_" in query.explain() or connection.vendor != "sqlite"


@pytest.mark.django_db(transaction=True)
def test_faces_and_corrections_of_before_keep_what_was_said() -> None:
    before = [("predictions", "0006_failure_parameters"), ("training", "0015_message_codes")]
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate(before)
    old = executor.loader.project_state(before).apps
    user = old.get_model("auth", "User").objects.create(username="old")
    photo = old.get_model("predictions", "Photo").objects.create(
        owner=user, width=10, height=10, expires_at="2030-01-01T00:00Z"
    )
    predictions = old.get_model("predictions", "Prediction").objects
    done, empty, waiting = (
        predictions.create(photo=photo, owner=user, status=status)
        for status in ("done", "done", "queued")
    )
    gender = {"label": "male", "probability": 0.9, "probabilities": {"male": 0.9, "female": 0.1}}
    faces = old.get_model("predictions", "Face").objects
    made = [
        faces.create(
            prediction=done, index=index, x=0, y=0, width=9, height=9, detection_confidence=0.9,
            landmarks=[], age={"years": 30.5, "distribution": [["30-39", 1.0]]}, gender=said,
        )
        for index, said in enumerate((gender, None))
    ]  # fmt: skip
    old.get_model("predictions", "Correction").objects.create(
        face=made[0], age=29, race=0, consented_at="2026-01-01T00:00Z"
    )
    MigrationExecutor(connection).migrate(latest)
    first, second = Face.objects.order_by("index")
    age = {"years": 30.5, "distribution": [["30-39", 1.0]]}
    assert first.estimates == {"age": age, "gender": gender, "race": None}
    assert second.estimates == {"age": age, "gender": None, "race": None}
    assert (first.age_years, first.gender_label, second.gender_label) == (30.5, "male", None)
    assert Correction.objects.get().labels == {"age": 29, "race": 0}
    counts = {one.pk: one.face_count for one in Prediction.objects.all()}
    assert counts == {done.pk: 2, empty.pk: 0, waiting.pk: None}
