"""What is finished is announced by Redis, and the web hears it; without Redis nothing breaks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from predictions import claims
from predictions.claims import Claim
from predictions.messages import FailureCode
from predictions.models import Prediction
from predictions.notify import Listener, announce
from tests.factories import ModelVersionFactory, PredictionFactory
from tests.processes import Stack, wait_until
from vision.messages import Message
from vision.types import FaceResult

pytestmark = pytest.mark.processes


@contextmanager
def listening() -> Iterator[threading.Event]:
    """Set whenever something is heard."""
    heard = threading.Event()
    listener = Listener(heard.set)
    listener.start()
    try:
        yield heard
    finally:
        listener.stop()


def wait_until_heard(heard: threading.Event) -> None:
    """Nothing is heard before the subscription is made: it is said until it is heard."""

    def said() -> bool:
        announce()
        return heard.wait(0.1)

    wait_until(said, "an announcement is heard")
    while heard.wait(0.3):  # those that are still on their way
        heard.clear()


def finish(claim: Claim) -> None:
    results: dict[Prediction, list[FaceResult]] = {one: [] for one in claim.predictions}
    claims.finish(claim, results, version=ModelVersionFactory.create(), took_ms=5)


def fail(claim: Claim) -> None:
    claims.fail(claim, claim.predictions[0], Message(FailureCode.STORAGE_ERROR))


@pytest.mark.parametrize("end", [finish, fail])
def test_who_listens_hears_that_a_prediction_is_finished(
    redis: Stack, end: Callable[[Claim], None]
) -> None:
    PredictionFactory.create()
    claim = claims.claim_batch()
    assert claim
    with listening() as heard:
        wait_until_heard(heard)
        end(claim)
        assert heard.wait(5)


def test_who_listened_before_redis_came_hears_it_all_the_same(stack: Stack) -> None:
    with listening() as heard:
        announce()
        assert not heard.wait(0.3)
        stack.start_redis()
        wait_until_heard(heard)
        stack.stop_redis()
        stack.start_redis()
        wait_until_heard(heard)
