"""More of the API's cast: a stranger and an administrator with keys, and nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.predictions.conftest import client_of

Photo = Callable[..., SimpleUploadedFile]


@pytest.fixture
def stranger_api(stranger: User) -> APIClient:
    return client_of(stranger)


@pytest.fixture
def administrator_api(db: None) -> APIClient:
    return client_of(User.objects.create_superuser("boss"))


@pytest.fixture
def nobody() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.fixture
def photo(photo_bytes: bytes) -> Photo:
    """Makes upload files; every call a fresh one."""

    def make(data: bytes | None = None, name: str = "ann.jpg", **options: Any) -> Any:
        return SimpleUploadedFile(name, photo_bytes if data is None else data, **options)

    return make
