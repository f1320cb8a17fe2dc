"""Reading, filtering, paging, deleting and repeating predictions."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.models import Prediction, Status
from predictions.uploads import accept_photo
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"


def finished(user: User, **fields: Any) -> Prediction:
    prediction = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=user), **fields)
    FaceFactory.create(prediction=prediction)
    created: Prediction = prediction
    return created


def test_a_finished_prediction_has_the_documented_shape(api: APIClient, user: User) -> None:
    prediction = finished(user)
    body = api.get(f"{URL}{prediction.pk}/").json()
    assert body == {
        "id": str(prediction.pk),
        "status": "done",
        "failure": None,
        "model_version": prediction.model_version.name if prediction.model_version else "",
        "created_at": body["created_at"],
        "took_ms": 87,
        "photo": {
            "width": 640,
            "height": 480,
            "url": f"http://testserver{URL}{prediction.pk}/photo/",
        },
        "faces": [
            {
                "index": 0,
                "box": {"x": 100, "y": 80, "width": 180, "height": 210},
                "detection_confidence": 0.998,
                "age": prediction.faces.get().age,
                "gender": prediction.faces.get().gender,
                "race": prediction.faces.get().race,
            }
        ],
    }
    assert body["faces"][0]["gender"]["label"] == "female"


def test_a_head_that_is_switched_off_gives_null(api: APIClient, user: User) -> None:
    prediction = finished(user)
    prediction.faces.update(race=None)
    assert api.get(f"{URL}{prediction.pk}/").json()["faces"][0]["race"] is None


def test_a_failure_has_a_code_and_a_sentence(api: APIClient, user: User) -> None:
    prediction = finished(user, status=Status.FAILED, failure_code="worker_lost")
    failure = api.get(f"{URL}{prediction.pk}/").json()["failure"]
    assert failure["code"] == "worker_lost"
    assert failure["message"].endswith(".")


def test_the_list_is_the_callers_own_newest_first(
    api: APIClient, user: User, stranger: User
) -> None:
    old, new = finished(user), finished(user)
    Prediction.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=1))
    finished(stranger)
    results = api.get(URL).json()["results"]
    assert [entry["id"] for entry in results] == [str(new.pk), str(old.pk)]


def test_pages_follow_each_other_without_gap_or_repetition(api: APIClient, user: User) -> None:
    wanted = {str(finished(user).pk) for _ in range(7)}
    url: str | None = f"{URL}?limit=3"
    seen = []
    while url:
        page = api.get(url).json()
        seen += [entry["id"] for entry in page["results"]]
        url = page["next"]
    assert len(seen) == 7
    assert set(seen) == wanted


def test_a_long_list_costs_as_many_queries_as_a_short_one(
    api: APIClient, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finished(user)
    with django_assert_num_queries(4):  # the key (knox looks twice), the predictions, their faces
        api.get(URL)
    for _ in range(29):
        finished(user)
    with django_assert_num_queries(4):
        assert len(api.get(URL).json()["results"]) == 30


def test_filters_narrow_the_list(api: APIClient, user: User) -> None:
    done = finished(user)
    waiting = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    Prediction.objects.filter(pk=waiting.pk).update(created_at=timezone.now() - timedelta(days=9))

    def found(**query: str) -> list[str]:
        return [entry["id"] for entry in api.get(URL, query).json()["results"]]

    week_ago = (timezone.now() - timedelta(days=7)).date().isoformat()
    assert done.model_version is not None
    assert found(status="done") == [str(done.pk)]
    assert found(model_version=done.model_version.name) == [str(done.pk)]
    assert found(created_after=week_ago) == [str(done.pk)]
    assert found(created_before=week_ago) == [str(waiting.pk)]


@pytest.mark.parametrize("query", ["status=eaten", "created_after=yesterday"])
def test_a_filter_that_makes_no_sense_is_400(api: APIClient, query: str) -> None:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 400
    assert query.split("=", maxsplit=1)[0] in response.json()["fields"]


def test_images_are_given_to_their_owner(api: APIClient, user: User, photo: Any) -> None:
    prediction = accept_photo(Owner(user_id=user.pk), photo())
    FaceFactory.create(prediction=prediction, x=180, y=60, width=80, height=110)
    whole = api.get(f"{URL}{prediction.pk}/photo/")
    crop = api.get(f"{URL}{prediction.pk}/faces/0/crop/")
    for response in (whole, crop):
        assert response["Content-Type"] == "image/jpeg"
        assert response["Cache-Control"].startswith("private")
        assert response.content.startswith(b"\xff\xd8")
    assert len(crop.content) < len(whole.content)
    assert api.get(f"{URL}{prediction.pk}/faces/1/crop/").status_code == 404


def test_deleting_is_final(api: APIClient, user: User, photo: Any) -> None:
    prediction = accept_photo(Owner(user_id=user.pk), photo())
    assert api.delete(f"{URL}{prediction.pk}/").status_code == 204
    assert api.get(f"{URL}{prediction.pk}/").status_code == 404
    assert not Prediction.objects.exists()


def test_a_rerun_is_a_new_prediction(api: APIClient, user: User, photo: Any) -> None:
    first = accept_photo(Owner(user_id=user.pk), photo())
    response = api.post(f"{URL}{first.pk}/rerun/")
    assert response.status_code == 202
    assert response.json()["id"] != str(first.pk)
    assert Prediction.objects.filter(photo=first.photo).count() == 2
