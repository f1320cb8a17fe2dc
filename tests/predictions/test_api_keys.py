"""API keys have a name, an end that their maker chooses, and are seen to be used."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from predictions import api_keys
from predictions.api_keys import KeyDetails, lifetimes, make_key

pytestmark = pytest.mark.django_db

PAGE = "/account/keys/"
NO_NAMES = ["", "   ", "two\nlines", "a\rb", "bell\x07", "a\u2028b", "nul\0", "x" * 101, "a\x85b"]


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def thirty_days_at_most(settings: Any) -> None:
    settings.REST_KNOX = {**settings.REST_KNOX, "TOKEN_TTL": timedelta(days=30)}


def call_with(key: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client.get("/api/v1/models/").status_code


def days_left(token: AuthToken) -> float:
    return float((token.expiry - timezone.now()) / timedelta(days=1))


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_a_key_has_the_name_and_the_end_that_were_asked_for(browser: Client, days: int) -> None:
    page = browser.post(PAGE, {"name": " 카메라 <1> ", "days": days}).content.decode()
    token = AuthToken.objects.get()
    assert days - 0.1 < days_left(token) <= days
    assert token.details.name == "카메라 <1>"
    assert "카메라 &lt;1&gt;" in page
    [key] = re.findall(r"<pre><code>(\w{64})</code>", page)
    assert call_with(key) == 200


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_by_form_and_command(
    browser: Client, user: User, name: str
) -> None:
    page = browser.post(PAGE, {"name": name, "days": 7})
    assert page.status_code == 200
    assert 'class="errorlist"' in page.content.decode()
    with pytest.raises(CommandError, match="a single line of 1 to 100 characters"):
        call_command("create_api_key", user.username, "--name", name)
    assert not AuthToken.objects.exists()


@pytest.mark.usefixtures("thirty_days_at_most")
def test_no_key_works_longer_than_the_site_allows(browser: Client, user: User) -> None:
    assert lifetimes() == [7, 30]
    assert "90 days" not in browser.get(PAGE).content.decode()
    for days in (90, 365, 0, -1, "", "soon"):
        browser.post(PAGE, {"name": "long", "days": days})
    with pytest.raises(CommandError, match="1 to 30 days"):
        call_command("create_api_key", user.username, "--days", "31")
    assert not AuthToken.objects.exists()
    browser.post(PAGE, {"name": "short", "days": 30})
    assert days_left(AuthToken.objects.get()) <= 30


def test_a_command_makes_a_key_with_name_and_end(
    user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_api_key", user.username, "--name", "nightly job", "--days", "3")
    assert call_with(capsys.readouterr().out.strip()) == 200
    token = AuthToken.objects.get()
    assert token.details.name == "nightly job"
    assert 2.9 < days_left(token) <= 3


def last_use() -> datetime | None:
    return KeyDetails.objects.get().last_used_at


def test_use_is_noted_once_an_hour_at_most(user: User) -> None:
    key = make_key(user, "camera", 7)
    assert last_use() is None

    def writes() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert call_with(key) == 200
        return sum("INSERT" in one["sql"] or "UPDATE" in one["sql"] for one in asked)

    assert [writes(), writes(), writes()] == [1, 0, 0]
    first = last_use()
    assert first
    assert timezone.now() - first < timedelta(minutes=1)
    KeyDetails.objects.update(last_used_at=first - timedelta(minutes=61))
    assert [writes(), writes()] == [1, 0]
    again = last_use()
    assert again
    assert again >= first
    assert KeyDetails.objects.get().name == "camera"


def test_a_wrong_key_is_no_use_of_another(user: User) -> None:
    key = make_key(user, "camera", 7)
    assert call_with(key[:15] + "0" * 49) == 401
    assert KeyDetails.objects.get().last_used_at is None


def test_keys_made_before_work_and_are_listed(browser: Client, user: User) -> None:
    token, key = AuthToken.objects.create(user)
    page = browser.get(PAGE).content.decode()
    assert "Without a name" in page
    assert page.count("Never") == 1  # used
    assert call_with(key) == 200
    page = browser.get(PAGE).content.decode()
    assert "Without a name" in page
    assert "Never" not in page
    browser.post(f"{PAGE}{token.token_key}/revoke/")
    assert not AuthToken.objects.exists()
    assert call_with(key) == 401


def test_the_list_tells_which_keys_work(browser: Client, user: User) -> None:
    make_key(user, "camera", 7)
    assert "Valid</p>" in browser.get(PAGE).content.decode()
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    page = browser.get(PAGE).content.decode()
    assert "Expired</p>" in page
    assert "Valid</p>" not in page


def test_a_use_that_cannot_be_noted_refuses_nothing(
    user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = make_key(user, "camera", 7)

    def disk_is_full(_used: KeyDetails) -> None:
        raise DatabaseError("database or disk is full")

    monkeypatch.setattr(api_keys, "_write_use", disk_is_full)
    assert call_with(key) == 200
    assert "database or disk is full" in caplog.text


def test_an_administrator_is_led_to_where_keys_are_made(admin_client: Client) -> None:
    assert f'href="{PAGE}"' in admin_client.get("/admin/knox/authtoken/").content.decode()
