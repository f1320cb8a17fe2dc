"""Closing an account asks for its password, and a stolen session cannot guess it."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions.api_keys import make_key
from predictions.batches.models import Batch
from predictions.models import Correction, Photo
from tests.factories import FaceFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
NEW = "a much newer secret"
FORMS = {
    "/account/delete/": ("password", {}),
    "/account/password/": ("old_password", {"new_password1": NEW, "new_password2": NEW}),
    "/admin/password_change/": ("old_password", {"new_password1": NEW, "new_password2": NEW}),
}


@pytest.fixture
def ann(user: User) -> User:
    user.set_password(PASSWORD)
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def browser(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def say(browser: Client, path: str, password: str) -> Any:
    field, rest = FORMS[path]
    return browser.post(path, {field: password, **rest})


@pytest.mark.parametrize("sent", [{}, {"password": ""}, {"password": "wrong"}, {"other": PASSWORD}])
def test_without_the_password_nothing_happens(
    browser: Client, ann: User, sent: dict[str, str]
) -> None:
    PhotoFactory.create(owner=ann)
    answer = browser.post("/account/delete/", sent)
    assert answer.status_code == 200
    assert ("Nothing was deleted." in answer.content.decode()) is ("wrong" in sent.values())
    assert User.objects.get(pk=ann.pk).is_active
    assert Photo.objects.count() == 1
    assert browser.get("/account/keys/").status_code == 200  # still logged in


def test_with_the_password_the_account_goes(browser: Client, ann: User) -> None:
    PhotoFactory.create(owner=ann)
    assert say(browser, "/account/delete/", PASSWORD).status_code == 302
    assert not User.objects.filter(pk=ann.pk).exists()
    assert not Photo.objects.exists()


def test_the_page_says_how_much_goes(browser: Client, ann: User, stranger: User) -> None:
    for owner, photos in ((ann, 3), (stranger, 7)):
        for photo in PhotoFactory.create_batch(photos, owner=owner):
            face = FaceFactory.create(prediction=PredictionFactory.create(photo=photo))
        Correction.objects.create(face=face, consented_at=timezone.now())
        PredictionFactory.create(photo=photo)
    for name in ("one", "two"):
        make_key(ann, name, 7)
    Batch.objects.create(owner=ann, name="trip", expires_at=timezone.now())
    page = browser.get("/account/delete/").content.decode()
    for line in ("Photos: 3", "Results: 4", "Batches: 1", "Corrections: 1", "API keys: 2"):
        assert f"<li>{line}</li>" in page


@pytest.mark.parametrize("path", FORMS)
def test_guesses_lock_the_account_for_the_address(
    browser: Client, ann: User, settings: Any, path: str
) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert say(browser, path, "wrong").status_code == 200
    assert say(browser, path, "wrong").status_code == 429
    refused = say(browser, path, PASSWORD)
    assert refused.status_code == 429
    assert "whatever else asks for its password" in refused.content.decode()
    login = {"username": ann.username, "password": PASSWORD}
    assert Client().post("/account/login/", login).status_code == 429
    ann.refresh_from_db()
    assert ann.is_active
    assert ann.check_password(PASSWORD)
    elsewhere = Client(REMOTE_ADDR="192.0.2.1")
    assert elsewhere.post("/account/login/", login).status_code == 302


@pytest.mark.parametrize("path", FORMS)
def test_the_right_password_counts_as_no_try(browser: Client, path: str) -> None:
    assert say(browser, path, PASSWORD).status_code == 302
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize("path", FORMS)
def test_no_password_is_written_down(browser: Client, path: str) -> None:
    say(browser, path, "a wrong secret")
    [row] = AccessAttempt.objects.values()
    assert "a wrong secret" not in str(row)
    assert NEW not in str(row)
