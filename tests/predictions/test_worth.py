"""Beside an estimate stands how often its version is right where it says the same."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.models import Face
from predictions.worth import Worth, worth_by
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
)
from training.registry.by_estimate import EstimateGroups

pytestmark = pytest.mark.django_db


def told(n: int, value: float, low: float, high: float) -> dict[str, Any]:
    return {"n": n, "value": value, "interval": [low, high]}


GROUPS: list[dict[str, Any]] = [
    {
        "figures": {
            "age_mae": told(900, 4.6, 4.4, 4.9),
            "gender_accuracy": told(900, 0.943, 0.928, 0.955),
        }
    },
    {
        "age": "30-39",
        "gender": "female",
        "figures": {
            "age_mae": told(80, 5.1, 4.2, 6.0),
            "gender_accuracy": told(80, 0.975, 0.913, 0.993),
        },
    },
    {"race": "white", "figures": {"age_mae": told(60, 9.9, 9.0, 9.9)}},  # another's
]


@pytest.fixture
def face() -> Face:
    """Thirty-four, female and Asian."""
    made: Face = FaceFactory.create()
    return made


def test_it_is_told_of_the_smallest_group_that_was_said_to_be_the_same(face: Face) -> None:
    worth = Worth(EstimateGroups(GROUPS, "UTKFace"))
    assert worth.of(face, "age") == (
        "In its test this version gave 80 images the same estimate: 30–39 years, Female. "
        "Their ages were off by 5.1 years on average (likely between 4.2 and 6.0)."
    )
    assert worth.of(face, "gender") == (
        "In its test this version gave 80 images the same estimate: 30–39 years, Female. "
        "The gender was right for 98% of all of these, however probable it was "
        "estimated to be (likely between 91% and 99%)."
    )


def test_where_no_group_is_large_enough_it_is_told_of_all(face: Face) -> None:
    face.estimates["age"]["years"] = 71.0
    assert Worth(EstimateGroups(GROUPS)).of(face, "gender") == (
        "This version was tested on 900 labelled images. "
        "The gender was right for 94% of all of these, however probable it was "
        "estimated to be (likely between 93% and 96%)."
    )


def test_a_head_that_is_switched_off_narrows_no_group(face: Face, settings: Any) -> None:
    settings.HEADS = ("age", "race")
    assert "900 labelled images" in Worth(EstimateGroups(GROUPS)).of(face, "age")


def test_what_is_not_known_is_said_to_be_so(face: Face) -> None:
    assert "too few images" in Worth(EstimateGroups([])).of(face, "age")
    assert "too few images" in Worth(EstimateGroups(GROUPS)).of(face, "race")
    for worth in (worth_by(None), worth_by(ModelVersionFactory.create())):
        assert "was not tested" in worth.of(face, "age")


def test_the_page_tells_it_of_the_version_that_made_the_estimates(
    client: Client, user: User
) -> None:
    tested = ModelVersionFactory.create(report={"by_estimate": GROUPS})
    ModelVersionFactory.create(is_active=True)
    prediction = FinishedPredictionFactory.create(
        photo=PhotoFactory.create(owner=user), model_version=tested
    )
    FaceFactory.create(prediction=prediction)
    client.force_login(user)
    address = f"/predictions/{prediction.pk}/"
    assert "right for 98% of all of these" in client.get(address).content.decode()
    korean = client.get(address, headers={"Accept-Language": "ko"}).content.decode()
    assert "성별 추정이 맞은 비율은 98%" in korean
