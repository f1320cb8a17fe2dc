"""`benchmark PHOTO`: how fast this machine does each step of a prediction."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.registry.loading import resolve_bundle
from vision.errors import VisionError


class Command(BaseCommand):
    help = "Measure decoding, detection and the network on this machine; takes about a minute."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("photo", type=Path, help="A photo with a face, about 512 pixels wide.")
        parser.add_argument("--model", help="A version's name or a bundle's folder.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from vision.inference.benchmark import benchmark

        try:
            photo = options["photo"].read_bytes()
            report = benchmark(resolve_bundle(options["model"]), photo)
        except OSError as error:
            raise CommandError(f"The photo cannot be opened: {error.strerror}.") from error
        except VisionError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for name, value in report.items():
            if isinstance(value, dict):
                self.stdout.write(name)
                for inner, figure in value.items():
                    self.stdout.write(f"  {inner:32} {figure}")
            else:
                self.stdout.write(f"{name:34} {value}")
