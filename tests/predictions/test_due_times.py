"""What is due is done once, whatever happened to clocks and schedulers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from predictions.due_times import claim_due, overdue
from predictions.processes import UpkeepTask

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def due_in(ahead: timedelta) -> None:
    UpkeepTask.objects.update_or_create(name="tidy", defaults={"due_at": timezone.now() + ahead})


def test_what_was_never_done_is_due_and_then_due_again_in_its_interval() -> None:
    assert claim_due("tidy", HOUR)
    assert not claim_due("tidy", HOUR)
    ahead = UpkeepTask.objects.get().due_at - timezone.now()
    assert timedelta(minutes=59) < ahead <= HOUR


def test_what_is_due_is_claimed_and_what_is_not_is_not() -> None:
    due_in(timedelta(minutes=30))
    assert not claim_due("tidy", HOUR)
    due_in(timedelta(seconds=-1))
    assert claim_due("tidy", HOUR)


def test_a_clock_that_was_a_day_ahead_and_is_put_right_delays_nothing() -> None:
    due_in(timedelta(days=1))
    assert claim_due("tidy", HOUR)
    assert UpkeepTask.objects.get().due_at < timezone.now() + HOUR


def test_of_many_schedulers_one_does_it() -> None:
    def ask(_: int) -> bool:
        try:
            return claim_due("tidy", HOUR)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(40))) == 1


def test_what_should_have_been_done_long_ago_is_told() -> None:
    due_in(timedelta(minutes=-10))
    assert not overdue(timedelta(minutes=15))
    assert [str(late) for late in overdue(timedelta(minutes=5))] == ["tidy"]
