"""`register_vggface`: VGGFace's own weights as a version that heads can be trained on."""

import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from training.models import ModelVersion
from training.registry.versions import register_bundle
from vision.bundles.bundle import save_bundle
from vision.errors import VisionError

from ._database import ready_database

NAME = "vggface"


class Command(BaseCommand):
    help = (
        "Download VGGFace's VGG16 weights with keras-vggface's loader (58 MB; non-commercial "
        f"research only) and make a version {NAME!r} of them, to train heads on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--weights",
            type=Path,
            metavar="FILE.h5",
            help="rcmalli_vggface_tf_notop_vgg16.h5 from elsewhere, instead of the download.",
        )

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from vision.bundles.vggface import vggface_bundle

        ready_database()
        if ModelVersion.objects.filter(name=NAME).exists():
            self.stdout.write(f"The model {NAME} is registered already.")
            return
        try:
            bundle = vggface_bundle(options["weights"])
            settings.MODEL_ROOT.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=settings.MODEL_ROOT) as folder:
                save_bundle(Path(folder) / NAME, {**bundle.manifest, "name": NAME}, bundle.tensors)
                register_bundle(Path(folder) / NAME, NAME)
        except VisionError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Registered the model {NAME}, a backbone without heads. "
            f"`manage.py train --recipe classic --model {NAME}` trains the deck's."
        )
