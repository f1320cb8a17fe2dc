"""Whether a worker of this machine says that it is there: what containers ask of themselves."""

import socket
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from predictions.heartbeats import SILENCE, workers_of


class Command(BaseCommand):
    help = "Say whether a worker of this machine that serves a queue was seen lately."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queue", help="inference, data, training, or upkeep (the scheduler)")

    def handle(self, *_: Any, queue: str, **__: Any) -> None:
        machine = socket.gethostname()
        if not any(worker.machine == machine for worker in workers_of(queue)):
            raise CommandError(
                f"No worker for “{queue}” was seen on {machine} for {SILENCE.seconds} s."
            )
