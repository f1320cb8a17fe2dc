"""API keys: made once, stored hashed, good for a year, and the only way in."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

URL = "/api/v1/predictions/"


def status_with(client: APIClient, header: str) -> int:
    client.credentials(HTTP_AUTHORIZATION=header)
    return client.get(URL).status_code


def test_the_command_prints_a_key_that_works(
    user: User, nobody: APIClient, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_api_key", user.username)
    key = capsys.readouterr().out.strip()
    assert status_with(nobody, f"Bearer {key}") == 200
    assert AuthToken.objects.get().user == user


def test_the_command_knows_its_accounts(db: None) -> None:
    with pytest.raises(CommandError, match="no account “ghost”"):
        call_command("create_api_key", "ghost")


def test_a_key_is_good_for_a_year_and_stored_hashed(user: User) -> None:
    token, key = AuthToken.objects.create(user)
    assert timedelta(days=364) < token.expiry - timezone.now() <= timedelta(days=365)
    stored = AuthToken.objects.values().get()
    assert key not in str(stored)
    assert len(stored["digest"]) == 128  # SHA-512


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", "Bearer a b", "Bearer \xff\xfe", "Bearer \0", "Basic YTpi"],
)
def test_a_wrong_key_is_401(nobody: APIClient, header: str) -> None:
    assert status_with(nobody, header) == 401


@pytest.mark.parametrize("key", ["wrong", "\xff\xfe"])
def test_a_wrong_key_is_refused_in_words(nobody: APIClient, key: str) -> None:
    nobody.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    told = nobody.get(URL).json()["message"]
    assert told.startswith("This API key is wrong, has expired or was revoked.")


def test_a_key_that_ran_out_is_401(nobody: APIClient, user: User) -> None:
    _, key = AuthToken.objects.create(user)
    assert status_with(nobody, f"Bearer {key}") == 200
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert status_with(nobody, f"Bearer {key}") == 401


def test_the_key_of_a_closed_account_is_401(nobody: APIClient, user: User) -> None:
    _, key = AuthToken.objects.create(user)
    User.objects.update(is_active=False)
    assert status_with(nobody, f"Bearer {key}") == 401


def test_the_session_of_a_browser_is_no_key(user: User, nobody: APIClient) -> None:
    nobody.force_login(user)
    assert nobody.get(URL).status_code == 401
