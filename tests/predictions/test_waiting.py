"""Everybody who waits for a prediction is told at once; one query looks for all of them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from predictions import waiting
from predictions.models import Photo, Prediction, Status
from predictions.waiting import Hub, preferred_wait, waiting_of
from tests.factories import PredictionFactory

# The hub looks from a thread of its own: the rows must be really there.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("wait=5", 5),
        ("respond-async, wait=10", 10),
        ('Wait = "7"', 7),
        ("wait=3600", 60),
        ("wait=0", 0),
        ("wait=-1", 0),
        ("wait=١", 0),
        ("await=5", 0),
        ("nonsense", 0),
    ],
)
def test_the_preference_is_read_leniently(header: str, seconds: int) -> None:
    assert preferred_wait(RequestFactory().get("/", headers={"Prefer": header})) == seconds


def test_a_request_that_no_server_looks_after_waits_for_nothing() -> None:
    request = RequestFactory().get("/")
    waiting_of(request).until_finished(uuid.uuid4(), 5)
    assert not waiting_of(request).is_over


Run = Callable[[Callable[[Hub], Awaitable[Any]]], Any]


@pytest.fixture
def run() -> Run:
    """Runs a coroutine with a hub of three places."""

    def run_with(work: Callable[[Hub], Awaitable[Any]]) -> Any:
        async def body() -> Any:
            hub = Hub(places=3)
            try:
                return await work(hub)
            finally:
                hub.shut_down()

        return asyncio.run(body())

    return run_with


async def seconds_until(told: Awaitable[None], action: Callable[[], Any]) -> float:
    """How long after an action a waiter is told."""
    waiter = asyncio.ensure_future(told)
    await asyncio.sleep(0.25)
    assert not waiter.done()

    def act() -> None:
        action()
        connection.close()

    await asyncio.to_thread(act)
    begun = asyncio.get_running_loop().time()
    await waiter
    return asyncio.get_running_loop().time() - begun


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_who_waits_is_told_long_before_the_time_is_up(run: Run, status: Status) -> None:
    sent = PredictionFactory.create()
    finish = lambda: Prediction.objects.update(status=status, took_ms=5)  # noqa: E731
    assert run(lambda hub: seconds_until(hub.wait(sent.pk, 30), finish)) < 15


def test_who_waits_for_what_is_deleted_is_told(run: Run) -> None:
    sent = PredictionFactory.create()
    delete = lambda: Photo.objects.all().delete()  # noqa: E731
    assert run(lambda hub: seconds_until(hub.wait(sent.pk, 30), delete)) < 15


def test_the_time_is_up_and_the_place_free_again(run: Run) -> None:
    sent = PredictionFactory.create()

    async def wait(hub: Hub) -> tuple[float, int]:
        begun = asyncio.get_running_loop().time()
        await hub.wait(sent.pk, 0.5)
        return asyncio.get_running_loop().time() - begun, hub.waiting

    took, left = run(wait)
    assert 0.4 < took < 15
    assert left == 0


def test_who_goes_frees_its_place(run: Run) -> None:
    sent = PredictionFactory.create()

    async def wait_and_go(hub: Hub) -> tuple[bool, bool]:
        waiters = [asyncio.ensure_future(hub.wait(sent.pk, 30)) for _ in range(3)]
        await asyncio.sleep(0.05)
        was_full = not hub.has_place
        waiters[1].cancel()
        await asyncio.sleep(0.05)
        has_place = hub.has_place
        hub.release_all()
        await asyncio.gather(*waiters, return_exceptions=True)
        return was_full, has_place

    assert run(wait_and_go) == (True, True)


def test_one_query_at_a_time_looks_for_all(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    several = [PredictionFactory.create().pk for _ in range(3)]
    looks: list[int] = []

    def look(awaited: Any) -> Any:
        with CaptureQueriesContext(connection) as queries:
            unfinished = real(awaited)
        looks.append(len(queries))
        assert len(awaited) == 3
        return unfinished

    real = waiting._unfinished
    monkeypatch.setattr(waiting, "_unfinished", look)
    run(lambda hub: asyncio.gather(*(hub.wait(pk, 0.5) for pk in several)))
    assert len(looks) <= 0.5 / waiting._LEAST_PAUSE + 1
    assert set(looks) == {1}


def test_a_server_that_stops_lets_everybody_go(run: Run) -> None:
    sent = PredictionFactory.create()

    async def stop(hub: Hub) -> bool:
        waiter = asyncio.ensure_future(hub.wait(sent.pk, 30))
        await asyncio.sleep(0.05)
        hub.release_all()
        await asyncio.wait_for(waiter, 1)
        return hub.has_place

    assert run(stop) is False


def test_looking_takes_a_tenth_of_the_time_at_most() -> None:
    assert waiting._pause_after(0.0) == 0.005
    assert waiting._pause_after(0.005) == pytest.approx(0.045)
    assert waiting._pause_after(1.0) == 0.1
