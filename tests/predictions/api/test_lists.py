"""Lists: the caller's own, newest first, page by page, narrowed by filters."""

import base64
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.batches.steering import create
from predictions.history_filter import HistoryFilter
from predictions.models import Photo, Prediction
from predictions.search_fields import search_fields
from tests.factories import FaceFactory, FinishedPredictionFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"


def finished(user: User) -> Prediction:
    prediction: Prediction = FinishedPredictionFactory.create(photo=PhotoFactory.create(owner=user))
    FaceFactory.create(prediction=prediction)
    return prediction


def cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def walk(api: APIClient, url: str | None, link: str) -> list[str]:
    """The ids of all pages from `url` on, following one kind of link."""
    found: list[str] = []
    while url:
        page = api.get(url).json()
        found += [entry["id"] for entry in page["results"]]
        url = page[link]
    return found


def test_the_list_is_the_callers_own_newest_first(
    api: APIClient, user: User, stranger: User
) -> None:
    old, new = finished(user), finished(user)
    Prediction.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=1))
    finished(stranger)
    results = api.get(URL).json()["results"]
    assert [entry["id"] for entry in results] == [str(new.pk), str(old.pk)]


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one instant"])
def test_pages_follow_each_other_without_gap_or_repetition(
    api: APIClient, user: User, at_once: bool
) -> None:
    for _ in range(7):
        finished(user)
    if at_once:
        Prediction.objects.update(created_at=timezone.now())
    wanted = [str(pk) for pk in Prediction.objects.values_list("pk", flat=True)]
    assert walk(api, f"{URL}?limit=3", "next") == wanted


def test_new_arrivals_do_not_shift_the_pages(api: APIClient, user: User) -> None:
    for _ in range(4):
        finished(user)
    wanted = [str(pk) for pk in Prediction.objects.values_list("pk", flat=True)]
    first = api.get(f"{URL}?limit=2").json()
    finished(user)
    second = api.get(first["next"]).json()
    assert [entry["id"] for entry in first["results"] + second["results"]] == wanted
    assert [entry["id"] for entry in api.get(second["previous"]).json()["results"]] == wanted[:2]


def test_a_long_list_costs_as_many_queries_as_a_short_one(
    api: APIClient, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finished(user)
    api.get(URL)  # notes that the key is used
    # The key (knox looks twice) and its last use, the predictions, their faces, what was corrected.
    with django_assert_num_queries(6):
        api.get(URL)
    for _ in range(29):
        finished(user)
    with django_assert_num_queries(6):
        assert len(api.get(URL).json()["results"]) == 30


def test_filters_narrow_the_list(api: APIClient, user: User) -> None:
    done = finished(user)
    waiting = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    Prediction.objects.filter(pk=waiting.pk).update(created_at=timezone.now() - timedelta(days=9))

    def found(**query: str) -> list[str]:
        return [entry["id"] for entry in api.get(URL, query).json()["results"]]

    week_ago = timezone.now() - timedelta(days=7)
    assert done.model_version is not None
    assert found(status="done") == [str(done.pk)]
    assert found(model_version=done.model_version.name) == [str(done.pk)]
    assert found(model_version="no such model") == []
    for moment in (week_ago.date().isoformat(), week_ago.isoformat()):
        assert found(created_after=moment) == [str(done.pk)]
        assert found(created_before=moment) == [str(waiting.pk)]
    assert found(status="queued", created_after=week_ago.isoformat()) == []


def test_it_is_narrowed_by_all_that_a_history_is(api: APIClient, user: User) -> None:
    """By the same names, so that what a page finds can be asked for."""
    history = set(HistoryFilter(Owner(user_id=user.pk)).fields)
    history -= {"since", "until", "version", "order"}  # by other names, or not at all
    asked = {one["name"] for one in _parameters()}
    assert history <= asked


def _parameters() -> list[dict[str, Any]]:
    generator: Any = SchemaGenerator
    schema = generator().get_schema(public=True)
    found: list[dict[str, Any]] = schema["paths"][URL]["get"]["parameters"]
    return found


def test_every_filter_is_described() -> None:
    described = {one["name"]: one for one in _parameters()}
    for name in search_fields():
        assert described[name]["description"].endswith((".", ")."))
    assert described["confident"]["schema"]["enum"] == ["no", "yes"]
    assert described["batch"]["schema"]["format"] == "uuid"


def test_by_file_confidence_and_quality(api: APIClient, user: User, stranger: User) -> None:
    sure, poor = finished(user), finished(user)
    poor.faces.update(
        quality={"reliable": False, "warnings": ["small"]},
        estimates={"gender": {"label": "male", "probability": 0.6, "probabilities": {"male": 0.6}}},
    )
    batch = create(Owner(user_id=user.pk), "Holiday")
    Photo.objects.filter(pk=poor.photo_id).update(name="Beach 1.jpg", batch=batch)
    theirs = finished(stranger)
    Photo.objects.filter(pk=theirs.photo_id).update(batch=batch)

    def found(**query: str) -> list[str]:
        return [entry["id"] for entry in api.get(URL, query).json()["results"]]

    assert found(confident="yes") == found(clear="yes") == [str(sure.pk)]
    assert found(confident="no") == found(clear="no") == [str(poor.pk)]
    assert found(name="beach") == found(batch=str(batch.pk)) == [str(poor.pk)]
    assert found(batch=str(uuid4())) == []
    assert found(batch=str(batch.pk), confident="yes") == []


def test_what_narrows_a_list_costs_no_query(
    api: APIClient, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finished(user)
    batch = create(Owner(user_id=user.pk), "Holiday")
    Photo.objects.update(batch=batch)
    query = {"batch": str(batch.pk), "name": "portrait", "confident": "yes", "clear": "yes"}
    api.get(URL)  # notes that the key is used
    with django_assert_num_queries(6):
        assert len(api.get(URL, query).json()["results"]) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "eaten"),
        ("created_after", "yesterday"),
        ("created_after", "2026-02-30"),
        ("created_after", "0001-01-01T00:00:00+14:00"),
        ("created_before", "9999-12-31T23:59:59-14:00"),
        ("model_version", "\0"),
        ("name", "\0"),
        ("name", "x" * 256),
        ("batch", "holiday"),
        ("confident", "perhaps"),
        ("clear", "true"),
        ("age_min", "-1"),
        ("age_max", "121"),
        ("faces_min", "two"),
        ("gender", "robot"),
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "many"),
        ("cursor", "garbage"),
        ("cursor", cursor("p=yesterday")),
        ("cursor", cursor("p=0001-01-01T00:00:00+14:00")),
        ("cursor", cursor("o=-1")),
    ],
)
def test_a_query_that_makes_no_sense_is_400(api: APIClient, name: str, value: str) -> None:
    response = api.get(URL, {name: value})
    assert response.status_code == 400
    body: dict[str, Any] = response.json()
    assert body["code"] == "invalid"
    assert list(body["fields"]) == [name]
    assert body["message"].startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("low", "least", "high", "most"),
    [
        ("age_min", "50", "age_max", "20"),
        ("faces_min", "3", "faces_max", "1"),
        ("created_after", "2026-03-02", "created_before", "2026-03-01"),
    ],
)
def test_bounds_the_wrong_way_round_are_400(
    api: APIClient, low: str, least: str, high: str, most: str
) -> None:
    response = api.get(URL, {low: least, high: most})
    assert response.status_code == 400
    said = f"{low} lies beyond {high}, so nothing can match. Please change one."
    assert response.json()["fields"] == {low: [said]}
    korean = api.get(URL, {low: least, high: most}, headers={"accept-language": "ko"})
    assert f"{low} 값이 {high} 값을 넘어" in korean.json()["message"]
    assert api.get(URL, {low: most, high: most}).status_code == 200
