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


def claimed(wanted: Prediction) -> Claim:
    claim = claim_batch(wanted.pk)
    assert claim is not None
    return claim


def finish_one(claim: Claim, prediction: Prediction, faces: int = 1) -> bool:
    version = ModelVersionFactory.create()
    return finish(claim, prediction, [face()] * faces, version=version, took_ms=12)


def test_a_claim_marks_the_rows_as_running_under_a_lease(settings: Any) -> None:
    [prediction] = queued(1)
    claim = claimed(prediction)
    [held] = claim.predictions
    assert held == prediction
    assert (held.status, held.attempts, held.claim) == (Status.RUNNING, 1, claim.id)
    assert held.lease_expires_at is not None
    assert timedelta(0) < held.lease_expires_at - timezone.now() <= settings.LEASE


def test_a_batch_is_the_wanted_prediction_and_the_oldest_others(settings: Any) -> None:
    settings.BATCH_PHOTOS = 3
    first, second, _, wanted = queued(4)
    assert set(claimed(wanted).predictions) == {wanted, first, second}


def test_a_wake_up_for_work_that_is_done_takes_what_waits() -> None:
    done, waiting = queued(1, status=Status.DONE), queued(2)
    assert set(claimed(done[0]).predictions) == set(waiting)


def test_a_late_message_finds_nothing_to_do() -> None:
    [prediction] = queued(1)
    claimed(prediction)
    assert claim_batch(prediction.pk) is None
    assert claim_batch(uuid.uuid4()) is None


def test_a_prediction_that_was_cut_off_is_taken_alone() -> None:
    [suspect] = queued(1, attempts=1)
    others = queued(3)
    assert claimed(suspect).predictions == (suspect,)
    assert set(claimed(others[0]).predictions) == set(others)


def test_a_batch_leaves_a_prediction_that_was_cut_off_for_later() -> None:
    [suspect] = queued(1, attempts=1)
    others = queued(3)
    assert set(claimed(others[0]).predictions) == set(others)
    assert claimed(others[0]).predictions == (suspect,)


def test_many_workers_at_once_never_share_a_prediction(settings: Any) -> None:
    settings.BATCH_PHOTOS = 3
    waiting = queued(40)

    def work(start: int) -> list[uuid.UUID]:
        taken = []
        try:
            for prediction in waiting[start:] + waiting[:start]:
                claim = claim_batch(prediction.pk)
                taken += [held.pk for held in claim.predictions] if claim else []
        finally:
            connection.close()
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [pk for part in pool.map(work, (0, 10, 20, 30)) for pk in part]
    assert len(taken) == 40
    assert set(taken) == {prediction.pk for prediction in waiting}


def test_a_result_is_written_with_its_faces() -> None:
    [prediction] = queued(1)
    claim = claimed(prediction)
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
    claim = claimed(prediction)
    assert finish_one(claim, prediction)
    assert not finish_one(claim, prediction)
    assert Face.objects.count() == 1


def test_a_worker_that_lost_its_claim_writes_nothing() -> None:
    [prediction] = queued(1)
    slow = claimed(prediction)
    return_expired(timezone.now() + timedelta(hours=1))
    fast = claimed(prediction)
    assert finish_one(fast, prediction)

    assert not finish_one(slow, prediction)
    assert not fail(slow, prediction, Message("internal_error"))
    prediction.refresh_from_db()
    assert prediction.status == Status.DONE
    assert prediction.faces.count() == 1


def test_a_result_for_a_deleted_photo_is_discarded() -> None:
    [prediction] = queued(1)
    claim = claimed(prediction)
    prediction.photo.delete()
    assert not finish_one(claim, prediction)
    assert not Face.objects.exists()


def test_a_failure_has_its_code_and_an_end() -> None:
    [prediction] = queued(1)
    assert fail(claimed(prediction), prediction, Message("photo_unreadable"))
    prediction.refresh_from_db()
    assert (prediction.status, prediction.failure_code) == (Status.FAILED, "photo_unreadable")
    assert prediction.finished_at is not None


def test_an_expired_lease_sends_the_prediction_back_to_the_queue() -> None:
    waiting = queued(3)
    claimed(waiting[0])
    assert return_expired(timezone.now() + timedelta(hours=1)) == (3, 0)
    assert {row.status for row in Prediction.objects.all()} == {Status.QUEUED}
    assert {row.attempts for row in Prediction.objects.all()} == {1}


def test_a_lease_that_still_runs_is_respected() -> None:
    [prediction] = queued(1)
    claimed(prediction)
    assert return_expired(timezone.now()) == (0, 0)
    prediction.refresh_from_db()
    assert prediction.status == Status.RUNNING


def test_a_renewed_lease_does_not_expire(settings: Any) -> None:
    [prediction] = queued(1)
    claim = claimed(prediction)
    Prediction.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    renew(claim)
    assert return_expired(timezone.now()) == (0, 0)


def test_a_lost_claim_cannot_be_renewed() -> None:
    [prediction] = queued(1)
    claim = claimed(prediction)
    return_expired(timezone.now() + timedelta(hours=1))
    renew(claim)
    prediction.refresh_from_db()
    assert (prediction.status, prediction.lease_expires_at) == (Status.QUEUED, None)


def test_the_second_lost_worker_is_the_last() -> None:
    [prediction] = queued(1)
    for expected in ((1, 0), (0, 1)):
        claimed(prediction)
        assert return_expired(timezone.now() + timedelta(hours=1)) == expected
    prediction.refresh_from_db()
    assert (prediction.status, prediction.failure_code) == (Status.FAILED, "worker_lost")
    assert claim_batch(prediction.pk) is None


def test_after_an_error_what_is_unfinished_goes_back_and_what_is_finished_stays() -> None:
    finished, unfinished = queued(2)
    claim = claimed(finished)
    finish_one(claim, finished)
    assert hand_back(claim) == (1, 0)
    finished.refresh_from_db()
    unfinished.refresh_from_db()
    assert (finished.status, unfinished.status) == (Status.DONE, Status.QUEUED)


def test_a_second_error_is_the_last() -> None:
    [prediction] = queued(1, attempts=1)
    assert hand_back(claimed(prediction)) == (0, 1)
    prediction.refresh_from_db()
    assert (prediction.status, prediction.failure_code) == (Status.FAILED, "internal_error")


def test_a_vanished_account_takes_its_running_predictions_along() -> None:
    user = UserFactory.create()
    prediction = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    claim = claimed(prediction)
    user.delete()
    renew(claim)
    assert not finish_one(claim, prediction)
    assert not Prediction.objects.exists()
