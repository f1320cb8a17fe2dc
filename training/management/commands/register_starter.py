"""`register_starter`: make the model that ships with FaceRoute a version."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.starter import register_starter
from vision.errors import BundleError


class Command(BaseCommand):
    help = (
        "Register the starter model. It serves where no other model does, or where an older "
        "starter does that nobody has chosen."
    )

    def handle(self, **_options: Any) -> None:
        try:
            self.stdout.write(register_starter())
        except BundleError as error:
            raise CommandError(
                f"The starter model cannot be registered, nothing has changed. {error}"
            ) from error
