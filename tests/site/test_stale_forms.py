"""A form whose token is too old: what happened and how to go on, in words, with one click."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from predictions.models import Photo

pytestmark = pytest.mark.django_db

_SITE = "http://testserver"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture
def browser(client: Client) -> Client:
    """One whose tokens are looked at, as everywhere but in tests."""
    return Client(enforce_csrf_checks=True)


def token_of(page: Any) -> str:
    found = TOKEN.search(page.content.decode())
    assert found
    return found[1]


def log_in_elsewhere(browser: Client, user: User) -> None:
    """In another tab, after which the tokens of this one are too old."""
    user.set_password("correct horse")
    user.save()
    token = token_of(browser.get("/account/login/"))
    login = {"username": user.username, "password": "correct horse", "csrfmiddlewaretoken": token}
    assert browser.post("/account/login/", login).status_code == 302


def test_a_page_says_it_in_the_readers_language_and_leads_back(browser: Client, user: User) -> None:
    stale = token_of(browser.get("/"))
    log_in_elsewhere(browser, user)
    headers = {"Referer": "http://testserver/history/?status=done", "Accept-Language": "ko"}
    form = {"csrfmiddlewaretoken": stale}
    answer = browser.post("/history/delete-everything/", form, headers=headers)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "다시 한 번 보내 주세요" in page
    assert "<nav" in page
    assert 'href="http://testserver/history/?status=done"' in page
    english = browser.post("/account/login/", form).content.decode()
    assert "Nothing was changed." in english
    assert "CSRF" not in english


def test_the_administration_says_it_on_a_page_of_its_own(browser: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    browser.force_login(user)
    for before, back in ((f"{_SITE}/admin/?a=b", f"{_SITE}/admin/?a=b"), ("", "/admin/")):
        page = browser.post("/admin/logout/", headers={"Referer": before}).content.decode()
        assert "Please send this once more" in page
        assert "fr-title" in page
        assert f'class="underline" href="{back}"' in page


@pytest.mark.parametrize("elsewhere", ["http://elsewhere.example/", "javascript:alert(1)", ""])
def test_no_link_leads_elsewhere(browser: Client, elsewhere: str) -> None:
    browser.get("/")
    page = browser.post("/i18n/setlang/", headers={"Referer": elsewhere}).content.decode()
    assert 'class="button primary" href="/"' in page


def test_the_upload_script_gets_a_token_that_works(
    browser: Client, user: User, photo_bytes: bytes
) -> None:
    stale = token_of(browser.get("/"))
    log_in_elsewhere(browser, user)

    def send(token: str) -> Any:
        photo = SimpleUploadedFile("a.jpg", photo_bytes)
        form = {"photo": photo, "csrfmiddlewaretoken": token}
        return browser.post("/photos/", form, headers={"Accept": "application/json"})

    refused = send(stale)
    assert (refused.status_code, refused.json()["code"]) == (403, "form_expired")
    assert "send it once more" in refused.json()["message"]
    assert send(refused.json()["token"]).json()["url"].startswith("/predictions/")
    assert Photo.objects.get().owner == user


def test_without_cookies_it_says_that_they_are_needed() -> None:
    answer = Client(enforce_csrf_checks=True).post("/account/login/", {"username": "ann"})
    assert "Please allow cookies" in answer.content.decode()
