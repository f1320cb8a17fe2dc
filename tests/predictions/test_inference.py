"""A batch goes from the claim to the written results, whatever happens to some of its photos."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone

from predictions.claims import return_expired
from predictions.models import Face, Photo, Prediction
from tests.factories import PhotoFactory, PredictionFactory
from tests.predictions.fakes import BROKEN, NO_FACE, FakeEstimator, run_batch, serving

pytestmark = pytest.mark.django_db(transaction=True)


def queued(data: bytes = b"photo", **columns: Any) -> Prediction:
    photo = PhotoFactory.create(thumbnail="")
    photo.image.save(f"{photo.pk}.jpg", ContentFile(data))
    prediction: Prediction = PredictionFactory.create(photo=photo, **columns)
    return prediction


def run(estimator: FakeEstimator, pauses: Any = ()) -> None:
    run_batch(serving(estimator), pauses)


def lose_file(prediction: Prediction) -> None:
    Path(prediction.photo.image.path).unlink()


def statuses(*predictions: Prediction) -> list[str]:
    return [Prediction.objects.get(pk=prediction.pk).status for prediction in predictions]


def test_waiting_predictions_are_estimated_together() -> None:
    predictions = [queued() for _ in range(3)]
    estimator = FakeEstimator()
    run(estimator)
    assert statuses(*predictions) == ["done"] * 3
    assert [prediction.faces.count() for prediction in predictions] == [2, 2, 2]
    assert len(estimator.batches) == 1


def test_the_version_that_computed_a_result_is_recorded() -> None:
    prediction = queued()
    served = serving(FakeEstimator())
    run_batch(served)
    prediction.refresh_from_db()
    assert prediction.model_version == served.version


def test_a_photo_without_faces_is_done() -> None:
    prediction = queued(NO_FACE)
    run(FakeEstimator())
    assert statuses(prediction) == ["done"]
    assert not prediction.faces.exists()


def test_a_broken_photo_fails_and_its_neighbours_finish() -> None:
    good, broken, other = queued(), queued(BROKEN), queued()
    run(FakeEstimator())
    assert statuses(good, broken, other) == ["done", "failed", "done"]
    broken.refresh_from_db()
    assert broken.failure_code == "photo_unreadable"


def test_a_lost_file_fails_and_its_neighbours_finish() -> None:
    good, lost = queued(), queued()
    lose_file(lost)
    run(FakeEstimator())
    assert statuses(good, lost) == ["done", "failed"]
    lost.refresh_from_db()
    assert lost.failure_code == "storage_error"


def test_nothing_is_estimated_where_no_file_is_left() -> None:
    lost = queued()
    lose_file(lost)
    estimator = FakeEstimator()
    run(estimator)
    assert estimator.batches == []


def test_a_storage_that_comes_back_in_time_fails_nothing(media_root: Path) -> None:
    prediction = queued()
    away = media_root.with_name("away")
    media_root.rename(away)
    media_root.write_text("not a folder")  # reading below it is an error, not a missing file

    def pauses() -> Iterator[float]:
        yield 0
        media_root.unlink()
        away.rename(media_root)
        yield 0

    run(FakeEstimator(), pauses())
    assert statuses(prediction) == ["done"]


def test_a_storage_that_stays_away_fails_the_prediction(media_root: Path) -> None:
    prediction = queued()
    media_root.rename(media_root.with_name("away"))
    media_root.write_text("not a folder")
    run(FakeEstimator(), [0, 0])
    prediction.refresh_from_db()
    assert prediction.failure_code == "storage_error"


def test_a_photo_deleted_before_it_is_read_disturbs_no_other() -> None:
    kept, deleted = queued(), queued()
    served = serving(FakeEstimator())
    lose_file(deleted)
    deleted.photo.delete()
    run_batch(served)
    assert statuses(kept) == ["done"]


def test_a_photo_deleted_while_it_is_estimated_leaves_nothing() -> None:
    kept, deleted = queued(), queued()
    estimator = FakeEstimator(meanwhile=lambda _: deleted.photo.delete() and None)
    run(estimator)
    assert statuses(kept) == ["done"]
    assert Photo.objects.count() == 1
    assert Face.objects.count() == 2


def test_no_transaction_is_open_while_photos_are_estimated() -> None:
    inside: list[bool] = []
    queued()
    run(FakeEstimator(lambda _: inside.append(connection.in_atomic_block)))
    assert inside == [False]


def test_an_error_returns_the_batch_and_then_fails_only_its_cause() -> None:
    good, bad = queued(), queued(b"bad")

    def crash(photos: Sequence[bytes]) -> None:
        if b"bad" in photos:
            raise RuntimeError("the network met something it cannot digest")

    estimator = FakeEstimator(crash)
    for _ in range(3):
        run(estimator)
    assert statuses(good, bad) == ["done", "failed"]
    bad.refresh_from_db()
    assert bad.failure_code == "internal_error"
    assert estimator.batches == [[b"photo", b"bad"], [b"photo"], [b"bad"]]


def test_a_batch_whose_lease_ran_out_leaves_the_work_to_the_next_worker() -> None:
    prediction = queued()

    def expire(_: object) -> None:
        Prediction.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        return_expired()

    run(FakeEstimator(expire))
    assert statuses(prediction) == ["queued"]
    assert not Face.objects.exists()
    run(FakeEstimator())
    assert statuses(prediction) == ["done"]
    assert Face.objects.count() == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite locks the whole database")
def test_a_database_that_comes_back_in_time_loses_no_result(settings: Any) -> None:
    prediction = queued()
    blocking, release = threading.Event(), threading.Event()

    def block() -> None:
        with transaction.atomic():
            blocking.set()
            release.wait()
        connection.close()

    blocker = threading.Thread(target=block)

    def lock_out(_: object) -> None:
        connection.cursor().execute("PRAGMA busy_timeout = 1")
        blocker.start()
        blocking.wait()

    def pauses() -> Iterator[float]:
        release.set()
        blocker.join()
        yield 0

    run(FakeEstimator(lock_out), pauses())
    assert statuses(prediction) == ["done"]
    assert prediction.faces.count() == 2
