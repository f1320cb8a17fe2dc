"""An owner with a key to the API."""

import pytest
from django.contrib.auth.models import User
from knox.models import AuthToken
from rest_framework.test import APIClient


def client_of(user: User) -> APIClient:
    _, key = AuthToken.objects.create(user)
    # What goes wrong inside shows as the answer a caller would get.
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


@pytest.fixture
def api(user: User) -> APIClient:
    return client_of(user)
