"""The sweeper finds what was lost and wakes workers for it, with no more messages than needed."""

import signal
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from predictions.claims import claim_batch
from predictions.models import Prediction, Status
from predictions.notify import Notifier, notify, waiting_messages
from predictions.sweeping import Swept, sweep
from tests.factories import PhotoFactory, PredictionFactory
from tests.processes import Stack

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def queued(count: int, **columns: Any) -> list[Prediction]:
    photo = PhotoFactory.create()
    return [PredictionFactory.create(photo=photo, **columns) for _ in range(count)]


def test_predictions_whose_messages_were_lost_are_woken_one_message_a_batch(
    redis: Stack, settings: Any
) -> None:
    settings.BATCH_PHOTOS = 4
    queued(9)
    assert sweep(timezone.now()) == Swept(requeued=0, failed=0, woken=3)
    assert waiting_messages() == 3


def test_messages_that_still_wait_are_not_sent_again(redis: Stack, settings: Any) -> None:
    settings.BATCH_PHOTOS = 4
    for prediction in queued(9)[:2]:
        notify(prediction.pk)
    assert sweep(timezone.now()).woken == 1
    assert sweep(timezone.now()).woken == 0
    assert waiting_messages() == 3


def test_a_prediction_that_is_taken_alone_gets_a_message_of_its_own(redis: Stack) -> None:
    queued(2, attempts=1)
    queued(3)
    assert sweep(timezone.now()).woken == 3


def test_what_a_lost_worker_held_is_queued_and_woken(redis: Stack) -> None:
    [prediction] = queued(1)
    claim_batch(prediction.pk)
    later = timezone.now() + timedelta(hours=1)
    assert sweep(later) == Swept(requeued=1, failed=0, woken=1)


def test_what_lost_two_workers_is_failed_and_not_woken(redis: Stack) -> None:
    [prediction] = queued(1, attempts=1)
    claim_batch(prediction.pk)
    later = timezone.now() + timedelta(hours=1)
    assert sweep(later) == Swept(requeued=0, failed=1, woken=0)


def test_finished_work_is_let_alone(redis: Stack) -> None:
    queued(2, status=Status.DONE)
    queued(2, status=Status.FAILED)
    assert sweep(timezone.now()) == Swept(0, 0, 0)
    assert waiting_messages() == 0


def test_lost_work_is_returned_even_while_redis_is_away() -> None:
    [prediction] = queued(1)
    claim_batch(prediction.pk)
    with pytest.raises(Exception, match=r"connecting to .*redis"):
        sweep(timezone.now() + timedelta(hours=1))
    prediction.refresh_from_db()
    assert prediction.status == Status.QUEUED


def test_the_bell_is_silent_for_a_while_after_redis_did_not_answer(redis: Stack) -> None:
    notifier = Notifier(silence=3600)
    redis.stop_redis()
    assert not notifier.send(uuid.uuid4())
    redis.start_redis()
    assert not notifier.send(uuid.uuid4())
    assert waiting_messages() == 0


def test_a_redis_that_hangs_holds_nobody_up(redis: Stack) -> None:
    notifier = Notifier(silence=0)
    assert notifier.send(uuid.uuid4())
    assert redis.redis is not None
    redis.redis.signal_group(signal.SIGSTOP)
    assert not notifier.send(uuid.uuid4())
    redis.redis.signal_group(signal.SIGCONT)
    assert notifier.send(uuid.uuid4())


def test_the_bell_rings_again_when_redis_is_back(redis: Stack) -> None:
    notifier = Notifier(silence=0)
    assert notifier.send(uuid.uuid4())
    redis.stop_redis()
    assert not notifier.send(uuid.uuid4())
    redis.start_redis()
    assert notifier.send(uuid.uuid4())
    assert waiting_messages() == 1
