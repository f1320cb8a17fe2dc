"""Lists and deletions whose cost does not grow with what others have sent: plans and bounds."""

import re
import uuid
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.migrations.state import ProjectState
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from predictions import deletion, expiry, uploads
from predictions.access import Owner
from predictions.batches.steering import create
from predictions.deletion import erase, go_on
from predictions.erasures import Erasure
from predictions.indexes import AddIndexOnline
from predictions.models import Photo, Prediction, Status
from tests.factories import (
    FaceFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)
from tests.predictions.conftest import close_account
from training import long_lists

pytestmark = pytest.mark.django_db

sqlite_only = pytest.mark.skipif(
    "connection.vendor != 'sqlite'", reason="Plans of small tables are stable on SQLite alone."
)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def sent_by(user: User, number: int = 1, **columns: Any) -> list[Prediction]:
    return [
        PredictionFactory.create(owner=user, photo=PhotoFactory.create(owner=user), **columns)
        for _ in range(number)
    ]


def plans(queries: CaptureQueriesContext, table: str) -> list[str]:
    """How SQLite finds what was asked for in the queries on a table."""
    found = []
    for query in queries.captured_queries:
        table_read = re.search(r' FROM "(\w+)"', query["sql"])
        if table_read and table_read[1] == table and query["sql"].startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
                found.append("\n".join(row[-1] for row in cursor.fetchall()))
    assert found
    return found


@sqlite_only
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "prediction_by_owner"),
        ({"since": "2026-01-01", "until": "2026-12-31"}, "prediction_by_owner"),
        ({"status": "failed"}, "prediction_by_owner_status"),
        ({"version": "version-1"}, "prediction_by_owner_model"),
        ({"faces_min": 2, "gender": "female", "age_min": 20}, "prediction_by_owner"),
        ({"order": "oldest"}, "prediction_by_owner"),
        ({"status": "failed", "order": "oldest"}, "prediction_by_owner_status"),
        ({"confident": "no", "clear": "yes"}, "prediction_by_owner"),
        ({"version": "version-1", "status": "failed"}, "prediction_by_owner_model"),
    ],
)
def test_a_page_of_the_history_is_read_from_an_index(
    browser: Client, user: User, wanted: dict[str, Any], index: str
) -> None:
    sent_by(user, model_version=ModelVersionFactory.create(name="version-1"))
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/history/", wanted).status_code == 200
    for plan in plans(queries, "predictions_prediction"):
        assert f"INDEX {index} " in plan
        assert "SCAN" not in plan.replace("SCAN subquery", "")
        assert "TEMP B-TREE" not in plan


@sqlite_only
@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": "queued"},
        {"name": "a"},
        {"gender": "male"},
        {"version": "version-1", "model_version": "version-1", "status": "queued"},
        {"since": "2026-01-01", "created_after": "2026-01-01"},
        {"order": "oldest"},
    ],
)
def test_those_of_a_batch_are_found_by_it(
    browser: Client, api: APIClient, user: User, wanted: dict[str, str]
) -> None:
    batch = create(Owner(user_id=user.pk), "Holiday")
    [made] = sent_by(user, model_version=ModelVersionFactory.create(name="version-1"))
    Photo.objects.filter(pk=made.photo_id).update(batch=batch)
    wanted = {**wanted, "batch": str(batch.pk)}
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/history/", wanted).status_code == 200
        assert api.get("/api/v1/predictions/", wanted).status_code == 200
    found = [one for one in plans(queries, "predictions_prediction") if "photo" in one]
    assert len(found) >= 3  # a page, its number, a page of the API
    for plan in found:
        assert "INDEX photo_by_batch " in plan


@sqlite_only
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "prediction_by_owner"),
        ({"created_after": "2026-01-01"}, "prediction_by_owner"),
        ({"status": "failed"}, "prediction_by_owner_status"),
        ({"model_version": "version-1"}, "prediction_by_owner_model"),
    ],
)
def test_a_page_of_the_api_is_read_from_an_index(
    api: APIClient, user: User, wanted: dict[str, Any], index: str
) -> None:
    ModelVersionFactory.create(name="version-1")
    sent_by(user)
    with CaptureQueriesContext(connection) as queries:
        assert api.get("/api/v1/predictions/", wanted).status_code == 200
    for plan in plans(queries, "predictions_prediction"):
        assert f"INDEX {index} " in plan
        assert "TEMP B-TREE" not in plan


def test_an_unknown_version_narrows_the_list_to_nothing(api: APIClient, user: User) -> None:
    sent_by(user)
    assert api.get("/api/v1/predictions/", {"model_version": "nix"}).json()["results"] == []


@sqlite_only
@pytest.mark.parametrize(
    ("path", "table", "index"),
    [
        ("predictions/prediction/", "predictions_prediction", "prediction_by_age"),
        ("predictions/prediction/?status__exact=failed", "predictions_prediction", "by_status"),
        ("predictions/prediction/?model_version__id__exact=1", "predictions_prediction", "by_mod"),
        ("predictions/correction/", "predictions_correction", "correction_by_review"),
        ("predictions/correction/?review=all", "predictions_correction", "correction_by_age"),
    ],
)
def test_lists_of_the_administration_are_read_and_counted_from_an_index(
    boss: Client, path: str, table: str, index: str
) -> None:
    FaceFactory.create()
    with CaptureQueriesContext(connection) as queries:
        assert boss.get(f"/admin/{path}").status_code == 200
    for plan in plans(queries, table):
        assert index in plan
        assert "TEMP B-TREE" not in plan
    counts = [one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"]]
    assert counts
    assert all(f"LIMIT {long_lists.MOST + 1}" in sql for sql in counts)


def test_a_list_of_the_administration_costs_as_many_queries_however_long_it_is(
    boss: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    PredictionFactory.create_batch(2)
    with CaptureQueriesContext(connection) as few:
        boss.get("/admin/predictions/prediction/")
    PredictionFactory.create_batch(120)
    with django_assert_num_queries(len(few)):
        boss.get("/admin/predictions/prediction/")


def test_a_long_list_ends_and_says_so(boss: Client) -> None:
    PredictionFactory.create_batch(4)
    with patch.object(long_lists, "MOST", 3):
        page = boss.get("/admin/predictions/prediction/")
    assert page.context["cl"].result_count == 3
    assert "The first 3 are listed." in page.content.decode()
    assert "The first" not in boss.get("/admin/predictions/prediction/").content.decode()


def test_all_of_a_long_list_are_those_it_shows(boss: Client) -> None:
    kept = PredictionFactory.create()
    others = PredictionFactory.create_batch(3)
    chosen = {"action": "delete_selected", "_selected_action": kept.pk, "select_across": "1"}
    with patch.object(long_lists, "MOST", 3):
        question = boss.post("/admin/predictions/prediction/", chosen).content.decode()
        boss.post("/admin/predictions/prediction/", {**chosen, "post": "yes"})
    assert 'name="select_across" value="1"' in question
    assert question.count('name="_selected_action"') == 1
    assert list(Prediction.objects.all()) == [kept]
    assert not Photo.objects.filter(pk__in=[one.photo_id for one in others]).exists()


def test_a_photo_stays_for_the_prediction_that_is_not_deleted(boss: Client) -> None:
    first = PredictionFactory.create()
    second = PredictionFactory.create(photo=first.photo)
    chosen = {"action": "delete_selected", "_selected_action": first.pk, "post": "yes"}
    boss.post("/admin/predictions/prediction/", chosen)
    assert Photo.objects.get() == second.photo


def test_who_deletes_an_account_is_told_numbers_and_no_names(boss: Client, user: User) -> None:
    sent_by(user, 2)
    page = boss.get(f"/admin/auth/user/{user.pk}/delete/")
    assert dict(page.context["model_count"]) == {"users": "1", "photos": "2", "predictions": "2"}
    assert str(Prediction.objects.all()[0].pk) not in page.content.decode()
    boss.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Photo.objects.exists()


def test_what_may_not_be_deleted_keeps_an_account(client: Client, user: User) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    names = ["view_user", "delete_user"]
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(clerk)
    sent_by(user)
    page = client.get(f"/admin/auth/user/{user.pk}/delete/")
    assert page.context["perms_lacking"] == {"predictions"}
    client.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert User.objects.filter(pk=user.pk).exists()


@pytest.fixture
def short_of_time() -> Any:
    """Requests have time for a slice of two photos."""
    with (
        patch.object(deletion, "_OF_A_REQUEST", 0.0),
        patch.object(deletion, "_LEFT_ALONE", timedelta(0)),
        patch.object(uploads, "_DELETION_BATCH", 2),
    ):
        yield


@pytest.mark.usefixtures("short_of_time")
def test_what_a_request_has_no_time_for_is_deleted_by_upkeep(
    browser: Client, user: User, stranger: User
) -> None:
    sent_by(user, 5)
    [of_another] = sent_by(stranger)
    page = browser.post("/history/delete-everything/", follow=True)
    assert "Your photos are being deleted." in page.content.decode()
    assert Photo.objects.filter(owner=user).count() == 3
    [sent_later] = sent_by(user)
    assert go_on() == 0
    assert set(Photo.objects.all()) == {sent_later.photo, of_another.photo}
    assert not Erasure.objects.exists()


@pytest.mark.usefixtures("short_of_time")
def test_an_account_is_closed_at_once_and_goes_with_its_last_photo(
    browser: Client, user: User
) -> None:
    sent_by(user, 5)
    AuthToken.objects.create(user)
    page = close_account(browser, user, follow=True)
    assert "Your account is closed." in page.content.decode()
    assert not User.objects.get(pk=user.pk).is_active
    assert not AuthToken.objects.exists()
    go_on()
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Erasure.objects.exists()


@pytest.mark.usefixtures("short_of_time")
def test_what_is_being_deleted_does_not_move_to_an_account(client: Client, user: User) -> None:
    visitor = uuid.uuid4()
    for _ in range(3):
        photo = PhotoFactory.create(owner=None, visitor=visitor)
        PredictionFactory.create(owner=None, visitor=visitor, photo=photo)
    erase([Owner(visitor=visitor)])
    session = client.session
    session["visitor"] = str(visitor)
    session.save()
    client.force_login(user)
    assert not Photo.objects.filter(owner=user).exists()
    go_on()
    assert not Photo.objects.exists()


@sqlite_only
def test_expired_photos_are_found_by_when_they_expire() -> None:
    PhotoFactory.create(expires_at=timezone.now() - timedelta(seconds=1))
    with CaptureQueriesContext(connection) as queries:
        assert expiry.expire_photos(timezone.now()) == 1
    first = plans(queries, "predictions_photo")[0]
    assert "expires_at" in first
    assert "TEMP B-TREE" not in first


@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_half_made_is_made_anew() -> None:
    index = next(one for one in Prediction._meta.indexes if one.name == "prediction_by_status")
    state = ProjectState.from_apps(apps)
    with connection.schema_editor(atomic=False) as editor:
        AddIndexOnline("prediction", index).database_forwards("predictions", editor, state, state)
    with connection.cursor() as cursor:
        made = connection.introspection.get_constraints(cursor, Prediction._meta.db_table)
    assert made["prediction_by_status"]["columns"] == ["status", "created_at", "id"]


def test_the_dashboard_says_of_very_many_that_they_are_more(boss: Client) -> None:
    PredictionFactory.create_batch(3, status=Status.QUEUED)
    with patch.object(long_lists, "MOST", 2):
        assert "more than 2" in boss.get("/admin/").content.decode()
