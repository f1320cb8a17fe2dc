"""Daily sums: every finished photo once, whatever happens meanwhile, and still when it is gone."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from predictions import daily_sums
from predictions.daily_sums import count_anew, count_on, recent
from predictions.models import Photo, Prediction, Status
from predictions.sums import DailySum, SummedUpTo
from predictions.tasks import expire
from tests.factories import FaceFactory, PredictionFactory

pytestmark = pytest.mark.django_db

ESTIMATES: dict[str, Any] = {
    "age": {"years": 34.2},
    "gender": {"label": "female", "probability": 0.97},
    "race": {"label": "asian", "probability": 0.51},
}
HOUR_AGO = timedelta(hours=1)


def finished(
    ago: timedelta = HOUR_AGO, *, took: float = 2.0, status: str = Status.DONE, faces: int = 1,
    **fields: Any,
) -> Prediction:  # fmt: skip
    """A prediction that was finished a while ago; what was estimated of its faces is always the
    same."""
    end = timezone.now() - ago
    made = PredictionFactory.create(status=status, finished_at=end, **fields)
    Prediction.objects.filter(pk=made.pk).update(created_at=end - timedelta(seconds=took))
    for n in range(faces):
        FaceFactory.create(prediction=made, index=n, estimates=ESTIMATES)
    return made


def sums() -> Counter[tuple[str, str]]:
    rows = DailySum.objects.values_list("what", "label", "count")
    found: Counter[tuple[str, str]] = Counter()
    for what, label, count in rows:
        found[what, label] += count
    return found


def test_photos_faces_estimates_and_failures_are_counted() -> None:
    finished(faces=2)
    finished(status=Status.FAILED, faces=0, failure_code="undecodable")
    FaceFactory.create(prediction=finished(faces=0), estimates={})
    PredictionFactory.create(status=Status.QUEUED)
    assert count_on() == 3
    assert sums() == Counter({
        ("photos", "done"): 2, ("photos", "failed"): 1, ("failure", "undecodable"): 1,
        ("seconds", "2.22"): 2, ("faces", "found"): 2, ("faces", "withheld"): 1,
        ("age", "30-39"): 2, ("gender", "female"): 2, ("race", "asian"): 2,
        ("confidence", "gender 0.9"): 2, ("confidence", "race 0.5"): 2,
    })  # fmt: skip


def test_nothing_is_counted_twice_and_what_has_just_ended_waits() -> None:
    finished()
    finished(timedelta(seconds=1))
    assert [count_on(), count_on()] == [1, 0]
    assert sums()["photos", "done"] == 1


@pytest.mark.parametrize("size", [1, 2, 100])
def test_slices_come_to_the_same_as_the_whole(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_sums, "_SLICE", size)
    for n in range(5):
        finished(timedelta(hours=1 + n))
    at_once = timezone.now() - timedelta(hours=9)
    Prediction.objects.filter(pk__in=[finished().pk for _ in range(3)]).update(finished_at=at_once)
    assert count_on() == 8
    assert sums()["gender", "female"] == 8


@pytest.mark.parametrize("where", ["_add", "_sums"])
def test_a_process_that_is_killed_neither_doubles_nor_loses(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily_sums, "_SLICE", 2)
    for _ in range(6):
        finished()
    real, calls = getattr(daily_sums, where), []

    def killed(*given: Any) -> Any:
        calls.append(given)
        answer = real(*given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(daily_sums, where, killed)
        with pytest.raises(KeyboardInterrupt):
            count_on()
    assert sums()["photos", "done"] == 2
    count_on()
    assert sums()["photos", "done"] == 6
    assert sums()["race", "asian"] == 6


def test_a_run_does_so_many_slices_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_sums, "_SLICE", 1)
    for _ in range(3):
        finished()
    assert [count_on(2), count_on(2), count_on(2)] == [2, 1, 0]


def test_sums_outlast_the_photos() -> None:
    photo = finished().photo
    Photo.objects.filter(pk=photo.pk).update(expires_at=timezone.now() - HOUR_AGO)
    expire()
    assert not Photo.objects.exists()
    assert sums()["photos", "done"] == 1


def test_a_day_is_counted_anew_of_the_photos_that_are_left() -> None:
    old = finished(timedelta(days=3))
    finished()
    count_on()
    DailySum.objects.update(count=77)
    count_anew(timezone.now().astimezone(UTC).date() - timedelta(days=1))
    count_on()
    by_day = {row.day: row.count for row in DailySum.objects.filter(what="photos")}
    assert old.finished_at
    assert by_day[old.finished_at.astimezone(UTC).date()] == 77
    assert sorted(by_day.values()) == [1, 77]


def test_what_was_never_counted_is_counted_from_the_beginning() -> None:
    assert not SummedUpTo.objects.exists()
    finished(timedelta(days=400))
    assert count_on() == 1


def test_the_last_days_are_read_at_once(django_assert_num_queries: Any) -> None:
    today = timezone.now().astimezone(UTC).date()
    for ago, count in ((0, 1), (6, 2), (7, 4), (40, 8)):
        DailySum.objects.create(
            day=today - timedelta(days=ago), what="photos", label="done", count=count
        )
    with django_assert_num_queries(1):
        found = recent(28)
    assert found.totals("photos", 7) == {"done": 3}
    assert found.totals("photos", 28) == {"done": 7}
    assert [len(day) for day in found.by_day("photos", 7).values()] == [1, 0, 0, 0, 0, 0, 1]


def test_durations_are_told_within_a_quarter() -> None:
    for took in (1.0, 1.0, 1.0, 8.0):
        finished(took=took)
    count_on()
    found = recent(7)
    assert 1.0 <= (found.duration(0.5, 7) or 0) <= 1.25
    assert 8.0 <= (found.duration(0.95, 7) or 0) <= 10.0
    assert recent(7).totals("nothing", 7) == {}


def test_days_are_those_of_greenwich() -> None:
    late = finished()
    Prediction.objects.filter(pk=late.pk).update(
        finished_at=datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    )
    count_on()
    assert set(DailySum.objects.values_list("day", flat=True)) == {date(2026, 3, 1)}
