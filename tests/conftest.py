"""What most tests need: a photo, the cast (an owner, a stranger), private media, a real Redis."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import translation
from PIL import Image

from predictions.access import Owner
from predictions.decoders import decoders
from tests.factories import UserFactory
from tests.processes import Stack
from tests.s3 import Bucket, running_server


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


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an S3 server."""
    with running_server(tmp_path_factory.mktemp("s3") / "log") as port:
        yield port


@pytest.fixture
def bucket(s3_server: int, settings: Any) -> Bucket:
    """An empty bucket, where the test's own process keeps its files."""
    bucket = Bucket(s3_server)
    bucket.create()
    settings.STORAGES = {**settings.STORAGES, **bucket.storages}
    return bucket


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """The language of a test's last request is not that of the next test."""
    yield
    translation.deactivate()


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
def stack(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Stack]:
    """Real processes on this test's own database, files, models and queue; none runs yet."""
    data_dir: Path = site_settings.DATA_DIR
    settings.MEDIA_ROOT = data_dir / "media"
    # What this process opens photos with works on the same folder.
    decoders.close()
    with Stack(data_dir, logs=tmp_path, DATABASE_URL=_database_url()) as stack:
        yield stack
    for folder in ("media", "models", "redis", "datasets", "features", "trainings"):
        shutil.rmtree(data_dir / folder, ignore_errors=True)


@pytest.fixture
def redis(stack: Stack) -> Stack:
    """The stack with its Redis running, for the test's own process as for the others."""
    stack.start_redis()
    return stack


def _database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    login = f"{database['USER']}:{database['PASSWORD']}"
    return f"postgres://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
