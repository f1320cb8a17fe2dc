"""`store_files`: put what this machine has of models and datasets where all machines find it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training import shared_files
from training.datasets import stored_contents
from training.jobs.progress_line import ProgressLine
from training.registry import stored_bundles
from training.shared_files import StorageSilent

from ._database import ready_database


class Command(BaseCommand):
    help = (
        "Put the models and datasets of this machine into the storage that photos are in, as far "
        "as it lacks them. Workers do that by themselves, except where the storage has lost "
        "something since."
    )

    def handle(self, **_options: Any) -> None:
        ready_database()
        if not shared_files.are_elsewhere():
            self.stdout.write(
                "Photos are kept in the data folder, and so are models and datasets. Nothing to do."
            )
            return
        try:
            versions = stored_bundles.store_again()
            stored_contents.look_for_lost()
            images = stored_contents.store_waiting(ProgressLine(quiet=False))
        except StorageSilent as error:
            raise CommandError(f"{error} ({error.__cause__})") from error
        self.stdout.write(f"Stored: {versions} model versions, {images} images that were missing.")
