"""`register_starter`: make the model that ships with FaceRoute a version."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.exams import exam_runs
from training.registry.starter import register_starter
from training.runs import export_runs
from vision.errors import BundleError


class Command(BaseCommand):
    help = (
        "Register the starter model. It serves where no other model does, or where an older "
        "starter does that nobody has chosen. Versions without a score on the exam, or without an "
        "export, get one in the background."
    )

    def handle(self, **_options: Any) -> None:
        try:
            self.stdout.write(register_starter())
        except (BundleError, OSError) as error:  # of a folder that cannot be written to
            raise CommandError(
                f"The starter model cannot be registered, nothing has changed. {error}"
            ) from error
        if export_runs.queue_where_due():
            self.stdout.write("Versions wait to be exported; a worker does it.")
        if exam_runs.queue_where_due():
            self.stdout.write("Versions wait to be scored on the exam; a worker does it.")
