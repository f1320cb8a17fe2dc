"""An owner sees its own photos and predictions, and nobody else's."""

import uuid

import pytest
from django.contrib.auth import login
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from predictions.access import Owner, owner_of
from predictions.models import Photo, Prediction
from tests.factories import PhotoFactory, PredictionFactory, UserFactory

pytestmark = pytest.mark.django_db


def browser(user: User | None = None) -> HttpRequest:
    request = HttpRequest()
    request.session = SessionStore()
    request.user = user or AnonymousUser()
    return request


def test_an_account_sees_its_own_rows_and_not_a_strangers() -> None:
    mine, theirs = PredictionFactory.create(), PredictionFactory.create()
    owner = Owner(user_id=mine.owner_id)
    assert list(owner.predictions()) == [mine]
    assert list(owner.photos()) == [mine.photo]
    assert theirs.photo not in owner.photos()


def test_a_browser_sees_its_own_rows_and_not_an_accounts() -> None:
    visitor = uuid.uuid4()
    mine = PredictionFactory.create(photo=PhotoFactory.create(owner=None, visitor=visitor))
    PredictionFactory.create()
    PredictionFactory.create(photo=PhotoFactory.create(owner=None, visitor=uuid.uuid4()))
    assert list(Owner(visitor=visitor).predictions()) == [mine]


def test_nobody_owns_nothing() -> None:
    PredictionFactory.create()
    assert not Owner().photos().exists()
    assert not Owner().predictions().exists()


def test_a_browser_that_only_looks_opens_no_session() -> None:
    request = browser()
    assert owner_of(request).is_nobody
    assert not list(request.session.keys())


def test_a_browser_keeps_its_identity_once_it_sends_a_photo() -> None:
    request = browser()
    assert owner_of(request, sends=True) == owner_of(request)
    assert owner_of(request) != owner_of(browser(), sends=True)


def test_an_account_is_its_own_owner_even_with_a_visitors_session() -> None:
    request = browser()
    owner_of(request, sends=True)
    request.user = UserFactory.create()
    assert owner_of(request) == Owner(user_id=request.user.pk)


def test_logging_in_moves_the_browsers_photos_to_the_account() -> None:
    request = browser()
    visitor = owner_of(request, sends=True).visitor
    PredictionFactory.create(photo=PhotoFactory.create(owner=None, visitor=visitor))
    others = PredictionFactory.create()
    user = UserFactory.create()

    login(request, user, backend="django.contrib.auth.backends.ModelBackend")

    assert Photo.objects.filter(owner=user, visitor=None).count() == 1
    assert Prediction.objects.filter(owner=user, visitor=None).count() == 1
    others.refresh_from_db()
    assert others.owner != user
