"""A batch of the owner's, and photos for it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from predictions.access import Owner
from predictions.batches.models import Batch
from predictions.batches.sending import send_photo
from predictions.batches.steering import create
from predictions.models import Prediction

Send = Callable[..., list[Prediction]]


@pytest.fixture
def batch(owner: Owner) -> Batch:
    return create(owner, "Holiday")


@pytest.fixture
def send(batch: Batch, owner: Owner, faceless_bytes: bytes) -> Send:
    """Sends photos to the batch, so many."""

    def send(count: int = 1, key: str = "") -> list[Prediction]:
        files = [SimpleUploadedFile(f"{n}.jpg", faceless_bytes) for n in range(count)]
        return [send_photo(batch, owner, file, key) for file in files]

    return send


@pytest.fixture
def browser(client: Any, user: Any) -> Any:
    client.force_login(user)
    return client


def progress(api: APIClient, batch: Batch) -> Any:
    return api.get(f"/api/v1/batches/{batch.pk}/").json()["progress"]
