"""Of one prediction alone: its place in the queue, what it is worth, and against another result."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from predictions.models import Photo, Prediction, Status
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"
FIGURES = {"n": 80, "value": 0.975, "interval": [0.913, 0.993]}


@pytest.fixture
def photo(user: User) -> Photo:
    made: Photo = PhotoFactory.create(owner=user)
    return made


def sent(photo: Photo, seconds_ago: int, factory: Any = PredictionFactory) -> Prediction:
    made: Prediction = factory.create(photo=photo)
    made.created_at = timezone.now() - timedelta(seconds=seconds_ago)
    made.save()
    return made


def test_what_waits_has_its_place_in_the_queue(api: APIClient, photo: Photo) -> None:
    sent(photo, 60)
    waiting = sent(photo, 30)
    fresh = sent(photo, 1)
    place = api.get(f"{URL}{waiting.pk}/").json()["queue"]
    assert place == {"ahead": 1, "more_are_ahead": False, "lacks_worker": True}
    place = api.get(f"{URL}{fresh.pk}/").json()["queue"]
    assert place == {"ahead": 2, "more_are_ahead": False, "lacks_worker": False}


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_what_is_finished_has_none(api: APIClient, photo: Photo, status: Status) -> None:
    prediction = PredictionFactory.create(photo=photo, status=status)
    assert api.get(f"{URL}{prediction.pk}/").json()["queue"] is None


def test_a_rerun_is_told_its_place_and_lists_tell_none(api: APIClient, photo: Photo) -> None:
    prediction = FinishedPredictionFactory.create(photo=photo)
    assert api.post(f"{URL}{prediction.pk}/rerun/").json()["queue"]["ahead"] == 0
    assert all("queue" not in one for one in api.get(URL).json()["results"])


def test_what_estimates_are_worth(api: APIClient, photo: Photo) -> None:
    groups = [
        {"figures": {"age_mae": {"n": 900, "value": 4.6, "interval": [4.4, 4.9]}}},
        {"gender": "female", "figures": {"gender_accuracy": FIGURES}},
    ]
    version = ModelVersionFactory.create(report={"by_estimate": groups})
    prediction = FinishedPredictionFactory.create(photo=photo, model_version=version)
    FaceFactory.create(prediction=prediction)
    FaceFactory.create(prediction=prediction, index=1, gender=None)
    first, second = api.get(f"{URL}{prediction.pk}/accuracy/").json()
    assert first == {
        "index": 0,
        "accuracy": {
            "age": {
                "group": {},
                "figure": "age_mae",
                "n": 900,
                "value": 4.6,
                "interval": [4.4, 4.9],
            },
            "gender": {"group": {"gender": "female"}, "figure": "gender_accuracy", **FIGURES},
            "race": None,
        },
    }
    assert second["index"] == 1
    assert second["accuracy"]["gender"] is None


def test_of_a_version_that_was_not_tested_or_is_gone_nothing_is_known(
    api: APIClient, photo: Photo
) -> None:
    for version in (ModelVersionFactory.create(), None):
        prediction = FinishedPredictionFactory.create(photo=photo, model_version=version)
        FaceFactory.create(prediction=prediction)
        [face] = api.get(f"{URL}{prediction.pk}/accuracy/").json()
        assert set(face["accuracy"].values()) == {None}


def test_two_results_of_a_photo_are_compared_in_either_order(api: APIClient, photo: Photo) -> None:
    earlier = sent(photo, 60, FinishedPredictionFactory)
    later = sent(photo, 30, FinishedPredictionFactory)
    FaceFactory.create(prediction=earlier, gender=None)
    FaceFactory.create(prediction=later, index=0, x=400)
    FaceFactory.create(prediction=later, index=1)
    expected = {
        "earlier": str(earlier.pk),
        "later": str(later.pk),
        "differing": 2,
        "faces": [
            {
                "earlier": None,
                "later": 0,
                "overlap": 0.0,
                "differs": True,
                "estimates": {
                    "age": {"earlier": None, "later": 34},
                    "gender": {"earlier": None, "later": "female"},
                    "race": {"earlier": None, "later": "asian"},
                },
            },
            {
                "earlier": 0,
                "later": 1,
                "overlap": 1.0,
                "differs": True,
                "estimates": {
                    "age": {"earlier": 34, "later": 34},
                    "gender": {"earlier": None, "later": "female"},
                    "race": {"earlier": "asian", "later": "asian"},
                },
            },
        ],
    }
    for one, other in ((earlier, later), (later, earlier)):
        assert api.get(f"{URL}{one.pk}/compared-with/{other.pk}/").json() == expected


def test_what_cannot_be_compared_is_not_found(
    api: APIClient, stranger: User, user: User, photo: Photo
) -> None:
    one = FinishedPredictionFactory.create(photo=photo)
    waiting = PredictionFactory.create(photo=photo)
    of_another_photo = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=user))
    of_a_stranger = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=stranger))
    for other in (waiting, of_another_photo, of_a_stranger):
        for pair in ((one, other), (other, one)):
            answer = api.get(f"{URL}{pair[0].pk}/compared-with/{pair[1].pk}/")
            assert answer.status_code == 404
            assert answer.json()["code"] == "not_found"
