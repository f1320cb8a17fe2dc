"""Pausing, resuming, cancelling, trying again: what workers take, and what is told."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from predictions.access import Owner
from predictions.batches import steering
from predictions.batches.joining import BatchClosed
from predictions.batches.models import Batch
from predictions.batches.progress import Progress, progress_of
from predictions.batches.sending import send_photo
from predictions.claims import anything_waits, claim_batch, fail
from predictions.models import Prediction, Status
from predictions.quota import Sending
from predictions.uploads import QuotaExceeded, accept_photo, rerun
from tests.predictions.batches.conftest import Send
from tests.predictions.fakes import FakeEstimator, run_batch, serving
from vision.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)


def told(batch: Batch) -> Progress:
    batch.refresh_from_db()
    return progress_of(batch)


def counts(batch: Batch) -> dict[str, int]:
    return {name: count for name, count in told(batch).counts.items() if count}


def taken() -> list[Prediction]:
    claim = claim_batch()
    return list(claim.predictions) if claim else []


def test_what_is_paused_is_not_taken_and_what_others_sent_is(
    batch: Batch, send: Send, faceless_bytes: bytes
) -> None:
    send(3)
    steering.pause(batch)
    send(1)
    assert not anything_waits()
    of_another = accept_photo(
        Owner(visitor=uuid.uuid4()), SimpleUploadedFile("a.jpg", faceless_bytes)
    )
    assert taken() == [of_another]
    assert (told(batch).state, counts(batch)) == ("paused", {"waiting": 4})


def test_what_goes_on_passes_nobody_who_came_meanwhile(
    batch: Batch, send: Send, faceless_bytes: bytes, settings: Any
) -> None:
    settings.BATCH_PHOTOS = 1
    sent = send(2)
    steering.pause(batch)
    accept_photo(Owner(visitor=uuid.uuid4()), SimpleUploadedFile("a.jpg", faceless_bytes))
    other = Owner(visitor=uuid.uuid4())
    for _ in range(3):
        accept_photo(other, SimpleUploadedFile("b.jpg", faceless_bytes))
    for _ in range(2):
        taken()  # both first ones
    steering.resume(batch)
    order = [taken()[0] for _ in range(4)]
    assert [one for one in order if one in sent] == sent
    # One of each sender in a turn, in the order of sending.
    assert [one in sent for one in order] == [True, False, True, False]


def test_each_can_be_asked_for_twice(batch: Batch, send: Send) -> None:
    send(2)
    steering.pause(batch)
    steering.pause(batch)
    steering.resume(batch)
    steering.resume(batch)
    assert len(taken()) == 2
    steering.cancel(batch)
    steering.cancel(batch)
    steering.pause(batch)
    steering.resume(batch)
    assert told(batch).state == "cancelled"
    assert counts(batch) == {"running": 2}


def test_what_is_cancelled_is_not_estimated_and_can_be_tried_again(
    batch: Batch, send: Send, owner: Owner
) -> None:
    _first, second = send(2)
    run_batch_of_one()
    steering.cancel(batch)
    assert counts(batch) == {"done": 1, "cancelled": 1}
    assert not anything_waits()
    with pytest.raises(BatchClosed):
        send(1)
    assert steering.retry(batch, owner) == 1
    assert (told(batch).state, counts(batch)) == ("running", {"done": 1, "waiting": 1})
    assert taken() == [second]
    assert Sending.objects.count() == 2  # what was never tried is not counted again


def run_batch_of_one() -> None:
    with override_settings(BATCH_PHOTOS=1):
        run_batch(serving(FakeEstimator()))


def fail_all() -> None:
    claim = claim_batch()
    assert claim
    for one in claim.predictions:
        assert fail(claim, one, Message("internal_error"))


def test_what_failed_is_tried_again_as_far_as_the_quota_goes(
    batch: Batch, send: Send, owner: Owner, settings: Any
) -> None:
    send(3)
    fail_all()
    assert (told(batch).state, counts(batch)) == ("done", {"failed": 3})
    settings.PHOTOS_PER_HOUR = 5
    assert steering.retry(batch, owner) == 2
    assert counts(batch) == {"failed": 1, "waiting": 2}
    with pytest.raises(QuotaExceeded):
        steering.retry(batch, owner)
    fail_all()
    assert Prediction.objects.filter(status=Status.FAILED, attempts=1).count() == 3


def test_what_is_tried_again_in_a_paused_batch_waits_with_it(
    batch: Batch, send: Send, owner: Owner
) -> None:
    send(1)
    fail_all()
    steering.pause(batch)
    assert steering.retry(batch, owner) == 1
    assert (told(batch).state, counts(batch)) == ("paused", {"waiting": 1})
    assert not anything_waits()
    steering.resume(batch)
    assert len(taken()) == 1


def test_figures_of_a_batch(batch: Batch, send: Send, owner: Owner) -> None:
    assert (told(batch).state, told(batch).seconds_left) == ("empty", None)
    send(3)
    assert told(batch).seconds_left is None  # nothing tells yet
    run_batch_of_one()
    now = told(batch)
    assert (now.photos, now.faces, now.counts["done"]) == (3, 2, 1)
    assert now.rate_per_minute > 0
    assert now.seconds_left
    with pytest.raises(Exception, match="cannot be read"):
        send_photo(batch, owner, SimpleUploadedFile("x.txt", b"text"), "")
    assert told(batch).counts["refused"] == 1
    assert told(batch).photos == 3


def test_a_photo_that_was_run_again_counts_once_as_it_was_estimated_last(
    batch: Batch, send: Send
) -> None:
    [first] = send(1)
    run_batch_of_one()
    rerun(first)
    assert counts(batch) == {"waiting": 1}
    run_batch_of_one()
    assert (counts(batch), told(batch).faces) == ({"done": 1}, 2)


def test_a_name_is_a_line(batch: Batch, owner: Owner) -> None:
    steering.rename(batch, "  Two\nlines\0 ")
    batch.refresh_from_db()
    assert batch.name == "Two lines"
    steering.rename(batch, "  ")
    batch.refresh_from_db()
    assert batch.name == "Two lines"
    assert steering.create(owner, "").name
    Batch.objects.filter(pk=batch.pk).delete()  # in another tab
    steering.rename(batch, "Gone")
    assert not Batch.objects.filter(name="Gone").exists()
