"""What most tests need: a photo, the cast (an owner, a stranger), private media, a real Redis."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from PIL import Image

from predictions import wakeups
from predictions.access import Owner
from tests.factories import UserFactory
from tests.processes import Stack


def _jpeg(pixels: Any) -> bytes:
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=92)
    return jpeg.getvalue()


@pytest.fixture(scope="session")
def photo_bytes() -> bytes:
    """A JPEG of a portrait (512 x 512, public domain): one face, a woman of about thirty."""
    from skimage import data

    return _jpeg(data.astronaut())  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def faceless_bytes() -> bytes:
    """A JPEG of a cat (451 x 300, public domain): no human face."""
    from skimage import data

    return _jpeg(data.chelsea())  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> Path:
    """A folder for uploaded photos that no other test sees."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def user(db: None) -> User:
    user: User = UserFactory.create(username="ann")
    return user


@pytest.fixture
def stranger(db: None) -> User:
    user: User = UserFactory.create(username="stranger")
    return user


@pytest.fixture
def owner(user: User) -> Owner:
    return Owner(user_id=user.pk)


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A real Redis where the site under test looks for one; the stack can stop and start it."""
    # Redis was away for the test before: its silence is over.
    monkeypatch.setattr(wakeups, "bell", wakeups.Bell())
    with Stack(site_settings.DATA_DIR, logs=tmp_path) as stack:
        stack.start_redis()
        yield stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A whole site of its own, in real processes, with an empty data directory."""
    with Stack(tmp_path / "data", logs=tmp_path) as stack:
        yield stack
