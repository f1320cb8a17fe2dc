"""`calibrate --model NAME --dataset NAME --name NEW`: a version from another, calibrated anew."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.jobs.progress_line import ProgressLine
from training.registry.versions import active_version
from training.runs.recalibration import calibrate_anew
from vision.errors import VisionError

from ._database import ready_database
from ._training import named_dataset, named_version


class Command(BaseCommand):
    help = (
        "Make a version with the weights of another: how soft and how dark its crops may be is "
        "measured on the training split of a dataset, temperatures and intervals on the validation "
        "split, the report on the test split. It does not serve until an administrator says so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", help="The version whose weights; else the active one.")
        parser.add_argument("--dataset", help="Its name; the newest if not given.")
        parser.add_argument("--name", required=True, help="What the new version is called.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        ready_database()
        version = named_version(options["model"]) or active_version()
        if version is None:
            raise CommandError("No model is active. Please name one: --model NAME.")
        progress = ProgressLine(options["json"])
        try:
            made = calibrate_anew(
                version, named_dataset(options["dataset"]), options["name"], progress
            )
        except VisionError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            reading = made.manifest["reading"]
            report = {"model_version": made.name, "reading": reading, "metrics": made.metrics}
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(f"Made the model {made.name}. An administrator can let it serve.")
