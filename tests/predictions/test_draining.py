"""A worker works until nothing waits, reads ahead, and gives back what it has not begun."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.utils import timezone

from predictions.claims import return_expired
from predictions.draining import Drain
from predictions.model_server import ModelServer
from predictions.models import Prediction, Status
from tests.factories import ModelVersionFactory, PhotoFactory, PredictionFactory
from tests.predictions.fakes import FakeEstimator
from training.models import ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def version(settings: Any) -> ModelVersion:
    settings.BATCH_PHOTOS = 2
    version: ModelVersion = ModelVersionFactory.create(name="first", is_active=True)
    return version


def queued(count: int, data: bytes = b"photo", **columns: Any) -> list[Prediction]:
    photo = PhotoFactory.create(thumbnail="")
    photo.image.save(f"{photo.pk}.jpg", ContentFile(data))
    return [PredictionFactory.create(photo=photo, **columns) for _ in range(count)]


def drain(estimator: FakeEstimator, stopping: threading.Event | None = None) -> Drain:
    drain = Drain(ModelServer(lambda _: estimator), stopping or threading.Event())
    drain.run()
    return drain


def rows() -> list[tuple[str, int]]:
    return list(Prediction.objects.order_by("created_at").values_list("status", "attempts"))


class ReadingFake(FakeEstimator):
    """Tells when photos are decoded; estimating the first batch waits until a second is decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded: list[list[bytes]] = []
        self.second = threading.Event()

    def decode(self, photos: Sequence[bytes]) -> list[bytes]:
        self.decoded.append(list(photos))
        if len(self.decoded) == 2:
            self.second.set()
        return super().decode(photos)

    def estimate(self, photos: Sequence[bytes]) -> Any:
        if not self.batches:
            assert self.second.wait(10), "the next batch was not read meanwhile"
        return super().estimate(photos)


def test_everything_that_waits_is_worked_through() -> None:
    queued(7)
    estimator = FakeEstimator()
    assert drain(estimator).served == 7
    assert rows() == [(Status.DONE, 1)] * 7
    assert [len(batch) for batch in estimator.batches] == [2, 2, 2, 1]


def test_what_arrives_meanwhile_is_worked_through_too() -> None:
    queued(1)
    late: list[Prediction] = []

    def send_one_more(_: object) -> None:
        if not late:
            late.extend(queued(1))

    drain(FakeEstimator(send_one_more))
    assert rows() == [(Status.DONE, 1)] * 2


def test_the_next_batch_is_read_while_the_present_one_is_estimated() -> None:
    queued(4)
    drain(ReadingFake())
    assert rows() == [(Status.DONE, 1)] * 4


def test_asked_to_stop_it_ends_after_the_batch_and_gives_back_what_it_has_read() -> None:
    queued(6)
    stopping = threading.Event()

    class Stopped(ReadingFake):
        def estimate(self, photos: Sequence[bytes]) -> Any:
            results = super().estimate(photos)
            assert Prediction.objects.filter(status=Status.RUNNING).count() == 4
            stopping.set()
            return results

    drain(Stopped(), stopping)
    assert rows() == [(Status.DONE, 1)] * 2 + [(Status.QUEUED, 0)] * 4


def test_beside_a_photo_that_felled_a_worker_nothing_is_held() -> None:
    queued(1, attempts=1)
    queued(3)
    held: list[int] = []
    drain(FakeEstimator(lambda _: held.append(Prediction.objects.filter(status="running").count())))
    assert held[0] == 1
    assert [status for status, _ in rows()] == [Status.DONE] * 4


def test_a_newly_activated_version_serves_from_the_next_batch_on() -> None:
    queued(4)
    second = ModelVersionFactory.create(name="second")

    def activate_second(_: object) -> None:
        ModelVersion.objects.update(is_active=False)
        ModelVersion.objects.filter(pk=second.pk).update(is_active=True)

    drain(FakeEstimator(activate_second))
    done = Prediction.objects.order_by("created_at").values_list("model_version__name", flat=True)
    assert list(done) == ["first", "first", "second", "second"]


def test_nothing_is_taken_where_no_version_can_be_loaded() -> None:
    queued(2)

    def refuse(_: ModelVersion) -> FakeEstimator:
        raise MemoryError

    Drain(ModelServer(refuse), threading.Event()).run()
    assert rows() == [(Status.QUEUED, 0)] * 2


def test_both_batches_keep_their_leases_however_long_it_takes(settings: Any) -> None:
    settings.LEASE = timedelta(seconds=1)
    queued(4)

    class Slow(ReadingFake):
        def estimate(self, photos: Sequence[bytes]) -> Any:
            results = super().estimate(photos)
            end = timezone.now() + 1.5 * settings.LEASE
            while timezone.now() < end:
                assert return_expired() == (0, 0)
                threading.Event().wait(0.05)
            return results

    drain(Slow())
    assert rows() == [(Status.DONE, 1)] * 4


def test_a_database_that_is_away_ends_it_and_leaves_the_rest_to_the_leases() -> None:
    queued(4)

    class Away(ReadingFake):
        def estimate(self, photos: Sequence[bytes]) -> Any:
            super().estimate(photos)
            raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        drain(Away())
    assert rows() == [(Status.RUNNING, 1)] * 2 + [(Status.QUEUED, 0)] * 2


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    queued(3)
    drain(FakeEstimator())
    assert threading.active_count() == before
