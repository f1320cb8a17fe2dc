"""Whom a request comes from where proxies stand in between, and what goes by it."""

import logging
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from faceroute_site import login_pace
from faceroute_site.proxies import caller_address

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "trusted", "caller"),
    [
        ("", 0, PROXY),
        ("192.0.2.1", 0, PROXY),
        ("192.0.2.1", 1, "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1", 1, "192.0.2.1"),  # the first was made up by the caller
        ("203.0.113.9, 192.0.2.1, 10.0.0.2", 2, "192.0.2.1"),
        ("192.0.2.1:4711", 1, "192.0.2.1"),
        ("[2001:db8::1]:443", 1, "2001:db8::1"),
        ("2001:db8::1", 1, "2001:db8::1"),
        ("", 1, None),
        ("192.0.2.1", 2, None),
        ("unknown", 1, None),
        ("' OR 1=1", 1, None),
    ],
)
def test_the_caller_is_whom_the_outermost_of_our_proxies_names(
    forwarded: str, trusted: int, caller: str | None
) -> None:
    assert caller_address(PROXY, forwarded, trusted) == caller


def log_in(name: str, password: str, address: str) -> Any:
    browser = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": address})
    return browser.post("/account/login/", {"username": name, "password": password})


@pytest.fixture
def ann(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def test_a_stranger_locks_an_account_for_nobody_else(ann: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in("ann", "wrong", "203.0.113.9")
    assert log_in("ann", PASSWORD, "203.0.113.9").status_code == 429
    assert log_in("ann", PASSWORD, "192.0.2.1").status_code == 302
    # What the stranger writes before his own address changes nothing.
    assert log_in("ann", PASSWORD, "192.0.2.1, 203.0.113.9").status_code == 429


def test_names_tried_from_one_address_are_slowed_down(ann: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    said = [log_in(f"name{n}", "wrong", "203.0.113.9") for n in range(15)]
    assert [answer.status_code for answer in said[:10]] == [200] * 10
    assert 429 in [answer.status_code for answer in said[10:]]
    refused = log_in("ann", PASSWORD, "203.0.113.9")
    if refused.status_code == 302:  # a slow machine has paused by itself
        pytest.skip("The machine was too slow to try names quickly.")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert "Passwords of many accounts were tried" in refused.content.decode()
    assert log_in("ann", PASSWORD, "192.0.2.1").status_code == 302


def test_the_pause_doubles_up_to_a_minute() -> None:
    def tried(count: int) -> int:
        AccessAttempt.objects.all().delete()
        for n in range(count):
            AccessAttempt.objects.create(
                username=f"name{n}", ip_address=PROXY, failures_since_start=1
            )
        return login_pace.seconds_to_pause(PROXY)

    assert [tried(9), tried(10), tried(13), tried(40)] == [0, 1, 8, 60]
    assert login_pace.seconds_to_pause("192.0.2.1") == 0


def test_headers_that_do_not_fit_the_setting_are_said_once(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Client(headers={"X-Forwarded-For": "192.0.2.1"})
    with caplog.at_level(logging.WARNING, "faceroute_site.proxies"):
        browser.get("/about/")
        browser.get("/about/")
    assert len([one for one in caplog.records if "TRUSTED_PROXIES is 0" in one.message]) == 1


def test_https_is_believed_of_trusted_proxies_alone(settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    settings.SECURE_SSL_REDIRECT = True
    told = {"X-Forwarded-Proto": "https"}
    assert Client(headers=told).get("/about/").status_code == 301
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert Client(headers=told).get("/about/").status_code == 200


def test_a_number_that_cannot_be_is_said_at_the_start(settings: Any) -> None:
    settings.TRUSTED_PROXIES, settings.HTTPS = 0, True
    with pytest.raises(SystemCheckError, match="FACEROUTE_TRUSTED_PROXIES"):
        call_command("check")
