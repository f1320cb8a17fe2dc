"""`measure_detection PATH`: how often faces are found, by their size and roll."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.jobs.progress_line import ProgressLine
from vision.data.labelled_files import LabelledFiles
from vision.errors import VisionError
from vision.evaluation.robustness import draw, pixels


class Command(BaseCommand):
    help = (
        "Paste aligned crops into pictures, twelve to a picture, with faces of 24 to 160 pixels "
        "that are upright, rolled, on their side or upside down, and count which are found, which "
        "are read the right way up, and what is found that is no face."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="A folder or a zip of UTKFace crops.")
        parser.add_argument(
            "--pictures", type=int, default=4, help="How many of each size and roll (4)."
        )
        parser.add_argument(
            "--brightness", type=float, default=1.0, help="What every value is multiplied by (1)."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        from vision.detection import load_detector
        from vision.evaluation.detection_recall import COLUMNS, ROLLS, ROWS, SIZES, measure

        pictures = max(1, options["pictures"])
        line, done = ProgressLine(options["json"]), 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            line("pictures", done, pictures * len(SIZES) * len(ROLLS))

        try:
            with LabelledFiles(options["path"]) as files:
                drawn = draw(files, pictures * COLUMNS * ROWS)
        except VisionError as error:
            raise CommandError(str(error)) from error
        crops = [crop for crop in map(pixels, drawn) if crop is not None]
        if not crops:
            raise CommandError(f"{options['path']} holds no image that can be read.")
        cells = measure(
            load_detector(),
            crops,
            pictures=pictures,
            on_progress=progress,
            brightness=min(1.0, max(0.0, options["brightness"])),
        )
        report = {"crops": len(crops), "cells": [asdict(cell) for cell in cells]}
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self._print(report)

    def _print(self, report: dict[str, Any]) -> None:
        self.stdout.write(f"{report['crops']} crops, pasted at every size and roll")
        self.stdout.write(f"{'size':>6}{'roll':>6}{'found':>10}{'upright':>9}{'extra':>7}{'ms':>8}")
        for cell in report["cells"]:
            found = f"{cell['found']}/{cell['faces']}"
            self.stdout.write(
                f"{cell['size']:6}{cell['roll']:6}{found:>10}{cell['upright']:9}"
                f"{cell['extra']:7}{cell['cpu_ms']:8.1f}"
            )
