"""`find_copies`: near copies among all images that have not been compared with the others yet."""

from typing import Any

from django.core.management.base import BaseCommand

from training.datasets.lineage import bring_up_to_date
from training.jobs.progress_line import ProgressLine
from training.models import Content

from ._database import ready_database


class Command(BaseCommand):
    help = (
        "Look for near copies of images that came with a version that did not, or whose import was "
        "cut off. Imports and trainings do so by themselves. Run again, it goes on where it stood."
    )

    def handle(self, **_options: Any) -> None:
        ready_database()
        before = Content.objects.filter(compared=False).count()
        bring_up_to_date(ProgressLine(quiet=False))
        self.stdout.write(f"Compared {before} images with all others.")
