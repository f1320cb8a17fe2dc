"""At any time at most one worker holds a prediction, and only its holder may finish it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from predictions.claims import (
    Claim,
    claim_batch,
    fail,
    finish,
    hand_back,
    release,
    renew,
    return_expired,
)
from predictions.models import Face, Prediction, Status
from tests.factories import ModelVersionFactory, PhotoFactory, PredictionFactory, UserFactory
from tests.predictions.fakes import face
from vision.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)


def queued(count: int, **columns: Any) -> list[Prediction]:
    photo = PhotoFactory.create()
    return [PredictionFactory.create(photo=photo, **columns) for _ in range(count)]


def claimed(*, beside_another: bool = False) -> Claim:
    claim = claim_batch(beside_another=beside_another)
    assert claim is not None
    return claim


def return_lost() -> tuple[int, int]:
    """Whoever holds predictions is not heard of until their leases have run out."""
    held = Prediction.objects.filter(status=Status.RUNNING)
    held.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    return return_expired()


def finish_one(claim: Claim, prediction: Prediction, faces: int = 1) -> bool:
    version = ModelVersionFactory.create()
    return finish(claim, {prediction: [face()] * faces}, version=version, took_ms=12) == 1


def test_a_claim_marks_the_rows_as_running_under_a_lease(settings: Any) -> None:
    [prediction] = queued(1)
    claim = claimed()
    [held] = claim.predictions
    assert held == prediction
    assert (held.status, held.attempts, held.claim) == (Status.RUNNING, 1, claim.id)
    assert held.lease_expires_at is not None
    assert timedelta(0) < held.lease_expires_at - timezone.now() <= settings.LEASE


def test_a_batch_is_what_has_waited_longest(settings: Any) -> None:
    settings.BATCH_PHOTOS = 3
    oldest = queued(4)[:3]
    assert claimed().predictions == tuple(oldest)


def test_an_earlier_turn_goes_before_an_older_prediction(settings: Any) -> None:
    settings.BATCH_PHOTOS = 2
    [third], [first], [second] = queued(1, turn=7), queued(1, turn=5), queued(1, turn=5)
    assert claimed().predictions == (first, second)
    assert claimed().predictions == (third,)


def test_where_nothing_waits_nothing_is_taken() -> None:
    queued(1, status=Status.DONE)
    queued(1)
    claimed()
    assert claim_batch() is None


def test_a_prediction_that_was_cut_off_is_taken_alone() -> None:
    [suspect] = queued(1, attempts=1)
    others = queued(3)
    claim = claimed()
    assert (claim.predictions, claim.was_cut_off) == ((suspect,), True)
    claim = claimed()
    assert (set(claim.predictions), claim.was_cut_off) == (set(others), False)


def test_a_batch_leaves_a_prediction_that_was_cut_off_for_its_turn() -> None:
    first, [suspect], last = queued(1), queued(1, attempts=1), queued(1)
    assert claimed().predictions == (*first, *last)
    assert claimed().predictions == (suspect,)


def test_beside_another_batch_nothing_is_taken_that_was_cut_off() -> None:
    queued(1, attempts=1)
    queued(3)
    assert claim_batch(beside_another=True) is None
    claimed()
    assert len(claimed(beside_another=True).predictions) == 3


def test_what_was_taken_and_not_begun_goes_back_as_if_it_had_never_been_taken() -> None:
    [prediction] = queued(1)
    release(claimed())
    prediction.refresh_from_db()
    assert (prediction.status, prediction.attempts) == (Status.QUEUED, 0)
    assert (prediction.claim, prediction.lease_expires_at) == (None, None)


def test_many_workers_at_once_never_share_a_prediction(settings: Any) -> None:
    settings.BATCH_PHOTOS = 3
    waiting = queued(40)

    def work(_: int) -> list[uuid.UUID]:
        taken = []
        try:
            for _attempt in waiting:
                claim = claim_batch()
                taken += [held.pk for held in claim.predictions] if claim else []
        finally:
            connection.close()
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [pk for part in pool.map(work, range(4)) for pk in part]
    assert len(taken) == 40
    assert set(taken) == {prediction.pk for prediction in waiting}


def test_a_result_is_written_with_its_faces() -> None:
    [prediction] = queued(1)
    claim = claimed()
    assert finish_one(claim, prediction, faces=2)

    prediction.refresh_from_db()
    assert (prediction.status, prediction.took_ms) == (Status.DONE, 12)
    assert (prediction.claim, prediction.lease_expires_at) == (None, None)
    assert prediction.model_version is not None
    assert prediction.finished_at is not None
    first, second = prediction.faces.all()
    assert (first.index, second.index) == (0, 1)
    assert (first.x, first.y, first.width, first.height) == (10, 20, 30, 40)
    assert first.detection_confidence == 0.9877
    assert first.landmarks == [[15.12, 15.12]] * 5
    assert first.quality == face().quality.as_json()
    assert first.quality["warnings"] == ["small"]
    assert first.estimates == face().attributes.estimates()
    assert first.estimates["race"] is None
    assert (first.age_years, first.gender_label, first.race_label) == (30.0, "female", None)
    assert prediction.face_count == 2


def test_a_result_is_written_once() -> None:
    [prediction] = queued(1)
    claim = claimed()
    assert finish_one(claim, prediction)
    assert not finish_one(claim, prediction)
    assert Face.objects.count() == 1


def test_a_worker_that_lost_its_claim_writes_nothing() -> None:
    [prediction] = queued(1)
    slow = claimed()
    return_lost()
    fast = claimed()
    assert finish_one(fast, prediction)

    assert not finish_one(slow, prediction)
    assert not fail(slow, prediction, Message("internal_error"))
    prediction.refresh_from_db()
    assert prediction.status == Status.DONE
    assert prediction.faces.count() == 1


def test_a_result_for_a_deleted_photo_is_discarded() -> None:
    [prediction] = queued(1)
    claim = claimed()
    prediction.photo.delete()
    assert not finish_one(claim, prediction)
    assert not Face.objects.exists()


def test_a_failure_has_its_code_and_an_end() -> None:
    [prediction] = queued(1)
    assert fail(claimed(), prediction, Message("photo_unreadable"))
    prediction.refresh_from_db()
    assert (prediction.status, prediction.failure_code) == (Status.FAILED, "photo_unreadable")
    assert prediction.finished_at is not None


def test_an_expired_lease_sends_the_prediction_back_to_the_queue() -> None:
    queued(3)
    claimed()
    assert return_lost() == (3, 0)
    assert {row.status for row in Prediction.objects.all()} == {Status.QUEUED}
    assert {row.attempts for row in Prediction.objects.all()} == {1}


def test_a_lease_that_still_runs_is_respected() -> None:
    [prediction] = queued(1)
    claimed()
    assert return_expired() == (0, 0)
    prediction.refresh_from_db()
    assert prediction.status == Status.RUNNING


def test_a_renewed_lease_does_not_expire(settings: Any) -> None:
    queued(1)
    claim = claimed()
    Prediction.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    renew(claim)
    assert return_expired() == (0, 0)


def test_a_lost_claim_cannot_be_renewed() -> None:
    [prediction] = queued(1)
    claim = claimed()
    return_lost()
    renew(claim)
    prediction.refresh_from_db()
    assert (prediction.status, prediction.lease_expires_at) == (Status.QUEUED, None)


def test_the_second_lost_worker_is_the_last() -> None:
    [prediction] = queued(1)
    for expected in ((1, 0), (0, 1)):
        claimed()
        assert return_lost() == expected
    prediction.refresh_from_db()
    assert (prediction.status, prediction.failure_code) == (Status.FAILED, "worker_lost")
    assert claim_batch() is None


def test_after_an_error_what_is_unfinished_goes_back_and_what_is_finished_stays() -> None:
    finished, unfinished = queued(2)
    claim = claimed()
    finish_one(claim, finished)
    assert hand_back(claim) == (1, 0)
    finished.refresh_from_db()
    unfinished.refresh_from_db()
    assert (finished.status, unfinished.status) == (Status.DONE, Status.QUEUED)


def test_a_second_error_is_the_last() -> None:
    [prediction] = queued(1, attempts=1)
    assert hand_back(claimed()) == (0, 1)
    prediction.refresh_from_db()
    assert (prediction.status, prediction.failure_code) == (Status.FAILED, "internal_error")


def test_a_vanished_account_takes_its_running_predictions_along() -> None:
    user = UserFactory.create()
    prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    claim = claimed()
    user.delete()
    renew(claim)
    assert not finish_one(claim, prediction)
    assert not Prediction.objects.exists()
