"""`import_training OUT --parcel PARCEL`: a version of what was trained on a borrowed machine."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.jobs.progress_line import ProgressLine
from training.messages import in_words
from training.registry.versions import free_name
from training.runs.borrowed import bring_home
from training.runs.trainings import activated
from vision.errors import VisionError

from ._database import ready_database
from ._training import activation, add_activate


class Command(BaseCommand):
    help = (
        "Make a model version of what a training on a borrowed machine has brought home: "
        "calibrated on the validation split, with a report on the test split."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="What came back.")
        parser.add_argument("--parcel", type=Path, required=True, help="What had been packed.")
        parser.add_argument("--name", help="What the version is called; else after the folder.")
        add_activate(parser)
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        ready_database()
        folder: Path = options["folder"].resolve()
        progress = ProgressLine(options["json"])
        try:
            name = options["name"] or free_name(folder.name)
            version = bring_home(folder, options["parcel"].resolve(), name, progress)
            wanted = activation(options)
            even_if_worse = wanted["even_if_worse"]
            serves = activated(version, even_if_worse=even_if_worse) if wanted["activate"] else []
        except VisionError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            report = {"model_version": version.name, "metrics": version.metrics}
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(" ".join([f"Made the model {version.name}.", *map(in_words, serves)]))
