"""An owner with a key to the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient


def client_of(user: User) -> APIClient:
    _, key = AuthToken.objects.create(user)
    # What goes wrong inside shows as the answer a caller would get.
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def close_account(browser: Client, user: User, **how: Any) -> Any:
    """What the browser of somebody who is logged in is answered who knows the password."""
    user.set_password("correct horse battery")
    user.save()
    browser.force_login(user)
    return browser.post("/account/delete/", {"password": "correct horse battery"}, **how)


@pytest.fixture
def api(user: User) -> APIClient:
    return client_of(user)
