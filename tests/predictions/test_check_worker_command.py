"""A container knows by `check_worker` whether its own worker is there."""

import socket
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from predictions.processes import Worker

pytestmark = pytest.mark.django_db


def seen(machine: str, queues: str, ago: float = 1) -> None:
    seen_at = timezone.now() - timedelta(seconds=ago)
    Worker.objects.create(machine=machine, process=1, queues=queues, seen_at=seen_at)


def test_a_worker_that_was_seen_lately_is_healthy() -> None:
    seen(socket.gethostname(), "data,inference")
    call_command("check_worker", "inference")


def test_neither_another_machine_nor_another_queue_nor_one_that_fell_silent_counts() -> None:
    seen("elsewhere", "inference")
    seen(socket.gethostname(), "training")
    seen(socket.gethostname(), "inference", ago=30)
    with pytest.raises(CommandError, match="No worker for “inference” was seen"):
        call_command("check_worker", "inference")
