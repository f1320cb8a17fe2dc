"""Answers that are sent while they are made: by which threads, in which language, for how long."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from faceroute_site.web import views_in_threads
from faceroute_site.web.application import Application
from predictions.access import Owner
from predictions.batches import pictures
from predictions.batches.models import Batch
from predictions.batches.sending import note_refused
from predictions.batches.steering import create
from tests.factories import FinishedPredictionFactory, PhotoFactory
from vision.errors import PhotoUnreadable

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 5
Parts = list[bytes]
Ask = Callable[..., Coroutine[Any, Any, Parts]]


@pytest.fixture
def batch(user: User) -> Batch:
    """With files that were refused, for which a table says why."""
    made = create(Owner(user_id=user.pk), "Holiday")
    for n in range(ROWS):
        note_refused(made, f"{n}.jpg", str(n), PhotoUnreadable().message)
    return made


@pytest.fixture
def application(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With one thread for pages, and one for files; each line of a table is sent by itself."""
    settings.WEB_THREADS = settings.WEB_FILE_THREADS = 1
    monkeypatch.setattr(views_in_threads, "_PIECE", 1)
    application = Application()
    yield application
    for lane in (application._lanes._pages, application._lanes._files):
        lane.submit(connections.close_all).result()
    application._lanes.shut_down()


def asking(
    application: Application, path: str, cookies: Any, method: str = "GET", **headers: str
) -> Ask:
    async def ask(at_first: Callable[[], Awaitable[bool]] | None = None) -> Parts:
        """The parts of the answer. `at_first` is done when the first has come; whether the caller
        then goes."""
        gone = asyncio.Event()
        parts: Parts = []
        first: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if first:
                return first.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                parts.append(message["body"])
            if len(parts) == 1 and at_first and await at_first():
                gone.set()

        told = {
            "cookie": cookies.output(header="", sep=";").strip(),
            "host": "localhost",
            **headers,
        }
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "scheme": "http",
            "http_version": "1.1",
            "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        }
        await application(scope, receive, send)
        return parts

    return ask


@pytest.fixture
def cookies(client: Client, user: User) -> Any:
    client.force_login(user)
    return client.cookies


def test_a_table_keeps_its_language_whoever_asks_meanwhile(
    application: Application, batch: Batch, cookies: Any
) -> None:
    table = asking(
        application, f"/batches/{batch.pk}/results.csv", cookies, **{"accept-language": "ko"}
    )
    page = asking(application, "/about/", cookies, **{"accept-language": "en"})

    async def another() -> bool:
        await page()
        return False

    text = b"".join(asyncio.run(table(another))).decode()
    assert text.count("손상") == ROWS
    assert "damaged" not in text


def test_nothing_is_made_for_whoever_has_gone(
    application: Application, batch: Batch, cookies: Any
) -> None:
    async def going() -> bool:
        return True

    table = asking(application, f"/batches/{batch.pk}/results.csv", cookies)
    assert len(asyncio.run(table())) == ROWS
    assert len(asyncio.run(table(going))) <= 2


def test_who_asks_for_the_head_alone_gets_it_at_once(
    application: Application, batch: Batch, cookies: Any
) -> None:
    table = asking(application, f"/batches/{batch.pk}/results.csv", cookies, method="HEAD")
    assert asyncio.run(table()) == []


def test_pictures_are_drawn_by_the_threads_for_files(
    application: Application, batch: Batch, cookies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = PhotoFactory.create(owner=batch.owner, batch=batch)
    FinishedPredictionFactory.create(photo=photo, face_count=0)
    threads = []

    def drawn(*_: object) -> bytes:
        threads.append(threading.current_thread().name)
        return b"picture"

    monkeypatch.setattr(pictures, "drawn", drawn)
    parts = asyncio.run(asking(application, f"/batches/{batch.pk}/pictures.zip", cookies)())
    assert b"picture" in b"".join(parts)
    assert threads == ["files_0"]
