"""`measure_quality PATH`: what estimates are worth of faces that a photo shows badly."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.jobs.progress_line import ProgressLine
from training.registry.loading import load_engine, resolve_bundle
from vision.data.labelled_files import LabelledFiles
from vision.errors import VisionError
from vision.evaluation.robustness import draw

from ._buckets import add_bucket, add_split, of_bucket, of_split


class Command(BaseCommand):
    help = (
        "Paste aligned crops into pictures, small, blurred or dark, find and estimate them as a "
        "photo's faces are, and say how often the age's interval holds, how much is withheld, and "
        "of whom is warned."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="As for evaluate.")
        parser.add_argument("--model", help="A version's name or a bundle's folder.")
        parser.add_argument(
            "--limit", type=int, default=480, help="So many crops, drawn by a hash (480)."
        )
        add_bucket(parser)
        add_split(parser)
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from vision.detection import load_detector
        from vision.evaluation.degraded_faces import TRIALS, trial_figures
        from vision.inference.pipeline import Pipeline

        line, done = ProgressLine(options["json"]), dict.fromkeys(TRIALS, 0)

        def progress(name: str, count: int) -> None:
            done[name] += count
            line(name, done[name], len(files))

        try:
            engine = load_engine(resolve_bundle(options["model"]))
            with LabelledFiles(options["path"]) as every:
                chosen = of_split(of_bucket(every, options["bucket"]), options["split"])
                files = draw(chosen, options["limit"])
        except VisionError as error:
            raise CommandError(str(error)) from error
        found = trial_figures(Pipeline(load_detector(), engine), files, TRIALS, progress)
        report = {"model_version": engine.manifest["name"], "trials": found}
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self._print(report)

    def _print(self, report: dict[str, Any]) -> None:
        self.stdout.write(report["model_version"])
        for name, found in report["trials"].items():
            told = (
                f"{key.replace('_', ' ')} {'–' if value is None else value}"
                for key, value in found.items()
                if key not in ("warned", "held")
            )
            warned = (f"{of} {share}" for of, share in found["warned"].items())
            held = (f"{of} {share} of {count}" for of, (share, count) in found["held"].items())
            self.stdout.write(f"  {name:18} {', '.join(told)}; warned of: {', '.join(warned)}")
            self.stdout.write(f"  {'':18} held: {', '.join(held)}")
