"""What is deleted twice, or while something else is done with it, is an ordinary answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from predictions import decoders, uploads
from predictions.access import Owner
from predictions.deletion import erase
from predictions.models import Face, Photo, Prediction
from predictions.views import result
from tests.factories import FaceFactory, PhotoFactory, PredictionFactory
from tests.predictions.conftest import client_of

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What calls return that begin in the same moment, each in a thread of its own."""
    ready = Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        ready.wait(10)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))


def browser_of(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def prediction(user: User) -> Prediction:
    made: Prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    FaceFactory.create(prediction=made)
    return made


def test_four_deletions_at_once_by_pages(user: User, prediction: Prediction) -> None:
    address = f"/predictions/{prediction.pk}/delete/"
    browsers = [browser_of(user) for _ in range(AT_ONCE)]
    answers = at_once(*(lambda one=one: one.post(address) for one in browsers))
    assert {answer.status_code for answer in answers} <= {302, 404}
    assert 302 in {answer.status_code for answer in answers}
    assert not Photo.objects.exists()


def test_four_deletions_at_once_by_programs(user: User, prediction: Prediction) -> None:
    address = f"/api/v1/predictions/{prediction.pk}/"
    programs = [client_of(user) for _ in range(AT_ONCE)]
    answers = at_once(*(lambda one=one: one.delete(address) for one in programs))
    assert {answer.status_code for answer in answers} <= {204, 404}
    assert not Photo.objects.exists()


def test_everything_and_the_selected_deleted_at_once(user: User, prediction: Prediction) -> None:
    for photo in PhotoFactory.create_batch(5, owner=user):
        PredictionFactory.create(photo=photo)
    chosen = {"selected": [str(pk) for pk in Prediction.objects.values_list("pk", flat=True)]}
    browsers = [browser_of(user) for _ in range(AT_ONCE)]
    answers = at_once(
        lambda: browsers[0].post("/history/delete-everything/"),
        lambda: browsers[1].post("/history/delete-everything/"),
        lambda: browsers[2].post("/history/delete/", chosen),
        lambda: browsers[3].post("/history/delete/", chosen),
    )
    assert {answer.status_code for answer in answers} == {302}
    assert not Photo.objects.exists()
    assert not Prediction.objects.exists()


def test_two_predictions_of_one_photo_deleted_at_once_take_it_along(prediction: Prediction) -> None:
    other = PredictionFactory.create(photo=prediction.photo)
    at_once(prediction.delete, other.delete)
    assert not Photo.objects.exists()


@pytest.mark.parametrize("rest", ["rerun/", "delete/", "faces/0/correction/take-back/"])
def test_what_is_deleted_while_a_page_works_with_it(
    user: User, prediction: Prediction, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = result.own_prediction

    def gone_in_the_next_moment(*arguments: Any) -> Prediction:
        try:
            return found(*arguments)
        finally:
            Photo.objects.all().delete()

    monkeypatch.setattr("predictions.views.result.own_prediction", gone_in_the_next_moment)
    monkeypatch.setattr("predictions.views.corrections.own_prediction", gone_in_the_next_moment)
    answer = browser_of(user).post(f"/predictions/{prediction.pk}/{rest}")
    assert answer.status_code in {302, 404}
    if answer.status_code == 404:
        assert "<nav" in answer.content.decode()
    assert not Face.objects.exists()


def _delete_while_photos_are_prepared(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = decoders.prepare_upload

    def delete_meanwhile(data: bytes) -> Any:
        erase([Owner(user_id=user.pk)], close_accounts=True)
        return prepare(data)

    monkeypatch.setattr(uploads, "prepare_upload", delete_meanwhile)


def test_an_account_deleted_while_its_photos_arrive(
    user: User, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _delete_while_photos_are_prepared(user, monkeypatch)
    browser, key = browser_of(user), client_of(user)
    photo = SimpleUploadedFile("a.jpg", photo_bytes)
    answer = browser.post("/", {"photos": photo}, follow=True)
    assert answer.status_code == 200
    assert "This account was deleted meanwhile" in answer.content.decode()
    assert not Photo.objects.exists()
    assert key.get("/api/v1/predictions/").status_code == 401


def test_an_account_deleted_while_a_program_sends(
    api: APIClient, user: User, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _delete_while_photos_are_prepared(user, monkeypatch)
    photo = SimpleUploadedFile("a.jpg", photo_bytes)
    answer = api.post("/api/v1/predictions/", {"photo": photo}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (401, "account_gone")
    assert not Photo.objects.exists()


def test_uploads_and_the_end_of_their_account_at_once(user: User, photo_bytes: bytes) -> None:
    owner = Owner(user_id=user.pk)

    def send() -> str:
        try:
            uploads.accept_photo(owner, SimpleUploadedFile("a.jpg", photo_bytes))
        except uploads.AccountGone:
            return "refused"
        return "taken"

    said = at_once(send, send, send, lambda: erase([Owner(user_id=user.pk)], close_accounts=True))
    assert set(said[:3]) <= {"refused", "taken"}
    assert not Photo.objects.exists()


def test_an_account_deleted_four_times_at_once(user: User, prediction: Prediction) -> None:
    user.set_password("secret")
    user.save()
    browsers = [browser_of(user) for _ in range(AT_ONCE)]
    sent = {"password": "secret"}
    answers = at_once(*(lambda one=one: one.post("/account/delete/", sent) for one in browsers))
    assert {answer.status_code for answer in answers} == {302}
    assert not User.objects.exists()
    assert not Photo.objects.exists()
