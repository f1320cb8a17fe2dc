"""Dates are in the reader's time zone; in UTC, which is said, where that is not known."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from faceroute_site.time_zones import COOKIE
from predictions.models import Photo, Prediction
from tests.factories import PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    """Of somebody with a photo sent on a New Year's Eve in UTC."""
    client.force_login(user)
    prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    at = datetime(2026, 12, 31, 20, 30, tzinfo=UTC)
    Prediction.objects.filter(pk=prediction.pk).update(created_at=at)
    Photo.objects.update(expires_at=at)
    return client


def history(browser: Client, query: str = "") -> str:
    return browser.get(f"/history/?{query}").content.decode()


def test_the_browsers_time_zone_is_that_of_the_page(browser: Client) -> None:
    browser.cookies[COOKIE] = "Asia/Seoul"
    assert ">Jan. 1, 2027, 5:30 a.m.</time>" in history(browser)
    prediction = Prediction.objects.get()
    result = browser.get(f"/predictions/{prediction.pk}/").content.decode()
    assert "Will be deleted on Jan. 1, 2027." in result


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "x" * 3000])
def test_without_one_that_is_known_dates_are_in_utc_and_say_so(browser: Client, name: str) -> None:
    browser.cookies[COOKIE] = name
    assert ">Dec. 31, 2026, 8:30 p.m. UTC</time>" in history(browser)


def test_days_in_filters_are_the_readers_days(browser: Client) -> None:
    assert "<time" not in history(browser, "since=2027-01-01")
    browser.cookies[COOKIE] = "Asia/Seoul"
    assert "<time" in history(browser, "since=2027-01-01")
    assert "<time" not in history(browser, "until=2026-12-31")


def test_one_readers_time_zone_is_not_the_next_ones(browser: Client) -> None:
    browser.cookies[COOKIE] = "Asia/Seoul"
    history(browser)
    browser.cookies.pop(COOKIE)
    assert "UTC</time>" in history(browser)
