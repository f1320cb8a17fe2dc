"""Every process says how it is, and is missed when it says nothing."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from predictions import heartbeats
from predictions.heartbeats import Condition, Heartbeat, all_seen, forget_long_gone, workers_of
from predictions.processes import Worker
from tests.processes import wait_until
from vision.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)


def seen(ago: float, queues: str = "inference") -> Worker:
    seen_at = timezone.now() - timedelta(seconds=ago)
    return Worker.objects.create(machine="here", process=1, queues=queues, seen_at=seen_at)


def test_a_process_says_what_it_is_and_how_it_is() -> None:
    condition = Condition("starter-10", Message("nothing_active"))
    heart = Heartbeat(["training", "data"], lambda: condition)
    heart.start()
    wait_until(Worker.objects.exists, "the first beat is written")
    [row] = all_seen()
    assert (row.worker.queues, row.worker.version) == ("data,training", "starter-10")
    assert row.worker.problem == {"code": "nothing_active", "parameters": {}}
    assert not row.is_silent
    heart.stop()
    assert not Worker.objects.exists()


def test_beats_come_while_the_work_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_EVERY", 0.1)
    heart = Heartbeat(["inference"])
    heart.start()
    times: set[object] = set()

    def three_times() -> bool:
        times.update(Worker.objects.values_list("seen_at", flat=True))
        return len(times) >= 3

    wait_until(three_times, "three beats are written")
    heart.stop()


def test_it_says_how_many_photos_it_worked_through_within_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rate = heartbeats._Rate()
    now = 130.0
    assert rate.of(30) == 30
    now = 160.0
    assert rate.of(40) == 40
    now = 190.0
    assert rate.of(50) == 20
    now = 400.0
    assert rate.of(50) == 0


def test_a_process_that_fell_silent_is_missed_within_half_a_minute() -> None:
    talking, silent, other = seen(10), seen(25), seen(1, "training")
    assert {one.worker: one.is_silent for one in all_seen()} == {
        talking: False,
        silent: True,
        other: False,
    }
    assert workers_of("inference") == [talking]


def test_a_process_ahead_by_its_clock_counts_as_there() -> None:
    ahead = seen(-3600)
    assert workers_of("inference") == [ahead]


def test_the_long_gone_are_forgotten() -> None:
    seen(4000)
    recent = seen(3000)
    forget_long_gone()
    assert [one.worker for one in all_seen()] == [recent]


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    heart = Heartbeat(["inference"])
    heart.start()
    heart.stop()
    assert threading.active_count() == before
