"""The real scheduler does what is due, without a queue, a file, or trust in the clock."""

import os
import secrets
import shutil
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from predictions.models import Photo
from predictions.processes import UpkeepTask, Worker
from tests.factories import PhotoFactory
from tests.processes import Process, Stack, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def expired() -> Photo:
    photo: Photo = PhotoFactory.create(expires_at=timezone.now() - timedelta(seconds=1))
    return photo


def wait_until_deleted(scheduler: Process) -> None:
    wait_until(lambda: not Photo.objects.exists(), "the expired photo is deleted", scheduler)


def test_the_schedule_is_kept_without_redis_and_whatever_lies_in_its_old_file(
    stack: Stack,
) -> None:
    (stack.data_dir / "celerybeat-schedule").write_bytes(secrets.token_bytes(16384))
    expired()
    scheduler = stack.start_beat()
    wait_until_deleted(scheduler)
    wait_until(
        lambda: UpkeepTask.objects.count() == len(settings.CELERY_BEAT_SCHEDULE),
        "everything was done once",
        scheduler,
    )
    wait_until(Worker.objects.exists, "it says that it is there", scheduler)
    assert Worker.objects.get().queues == "upkeep"
    assert "Traceback" not in scheduler.output()
    scheduler.stop()
    assert not Worker.objects.exists()


def test_due_times_that_a_clock_a_day_ahead_has_left_delay_nothing(stack: Stack) -> None:
    for name in ("expire", "sweep runs"):
        UpkeepTask.objects.create(name=name, due_at=timezone.now() + timedelta(days=1))
    expired()
    wait_until_deleted(stack.start_beat())


def test_a_clock_that_was_a_day_ahead_and_is_put_right_delays_nothing(stack: Stack) -> None:
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("No faketime was found. On Debian: apt-get install faketime")
    ahead = stack.start("beat", faketime, "-f", "+1d", *stack.celery_command(), "beat")
    wait_until(
        lambda: UpkeepTask.objects.count() == len(settings.CELERY_BEAT_SCHEDULE),
        "everything was done once",
        ahead,
    )
    ahead.kill()
    assert UpkeepTask.objects.get(name="expire").due_at > timezone.now() + timedelta(days=1)
    expired()
    wait_until_deleted(stack.start_beat())


def test_two_schedulers_do_no_harm(stack: Stack) -> None:
    two = [stack.start_beat(), stack.start_beat()]
    wait_until(
        lambda: UpkeepTask.objects.count() == len(settings.CELERY_BEAT_SCHEDULE),
        "everything was done once",
        two[0],
    )
    wait_until(lambda: Worker.objects.count() == 2, "both are there", two[1])
    told = sum(scheduler.output().count("expired photos") for scheduler in two)
    assert told == 1


def test_a_task_that_fails_is_told_and_stops_no_other(stack: Stack) -> None:
    media = stack.data_dir / "media"
    (media / "photos").mkdir(parents=True)
    (media / "photos" / "2026").symlink_to(media / "photos" / "2026")  # cannot be walked
    scheduler = stack.start_beat()
    wait_until(
        lambda: UpkeepTask.objects.count() == len(settings.CELERY_BEAT_SCHEDULE),
        "everything was begun",
        scheduler,
    )
    assert scheduler.popen.poll() is None
    os.unlink(media / "photos" / "2026")  # noqa: PTH108
