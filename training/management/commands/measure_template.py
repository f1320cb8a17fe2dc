"""`measure_template PATH`: where the landmarks of aligned crops lie, the template of alignment."""

import json
import random
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from vision.data.labelled_files import LabelledFiles
from vision.data.utkface import split_bucket
from vision.errors import VisionError

_HELD_BACK = 0


class Command(BaseCommand):
    help = "Measure where the five landmarks lie in UTKFace's aligned crops, held-back ones aside."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="A folder or a zip of UTKFace crops.")
        parser.add_argument("--crops", type=int, default=3000, help="How many to draw.")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, **options: Any) -> None:
        from vision.detection import load_detector
        from vision.detection.template_measurement import relative_landmarks

        try:
            with LabelledFiles(options["path"]) as files:
                crops = [file.data for file in files if split_bucket(file.data) != _HELD_BACK]
        except VisionError as error:
            raise CommandError(str(error)) from error
        drawn = random.Random(options["seed"]).sample(crops, min(options["crops"], len(crops)))  # noqa: S311
        shares = relative_landmarks(load_detector(), drawn)
        report = {
            "crops": len(drawn),
            "detected": len(shares),
            "mean": np.mean(shares, axis=0).round(4).tolist(),
            "median": np.median(shares, axis=0).round(4).tolist(),
            "standard_deviation": np.std(shares, axis=0).round(4).tolist(),
        }
        self.stdout.write(json.dumps(report))
