"""`measure_framing PATH`: how much a model minds other framing, and what a whole photo costs it."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.jobs.progress_line import ProgressLine
from training.registry.loading import load_engine, resolve_bundle
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.errors import VisionError
from vision.evaluation.robustness import draw, figures_by_change

from ._buckets import add_bucket, of_bucket


class Command(BaseCommand):
    help = (
        "Score the active model (or another) on aligned crops as they are, widened and narrowed "
        "by 15%, and shifted by 8% in each of four directions; the crop's border is repeated "
        "around it. With --photos also on crops pasted into larger pictures, found and aligned "
        "again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="As for evaluate.")
        parser.add_argument("--model", help="A version's name or a bundle's folder.")
        parser.add_argument("--limit", type=int, help="Only so many, drawn by a hash.")
        add_bucket(parser)
        parser.add_argument("--photos", action="store_true", help="The way of whole photos too.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from vision.detection import load_detector
        from vision.evaluation.crop_robustness import CROP_CHANGES, photo_figures

        line, done = ProgressLine(options["json"]), dict.fromkeys([*CROP_CHANGES, "photos"], 0)

        def progress(name: str, count: int) -> None:
            done[name] += count
            line(name, done[name], len(files) * len(CROP_CHANGES.get(name, [None])))

        try:
            engine = load_engine(resolve_bundle(options["model"]))
            files = _files(options["path"], options["bucket"], options["limit"])
            report: dict[str, Any] = {"model_version": engine.manifest["name"], "n": len(files)}
            report["framings"] = figures_by_change(engine, files, CROP_CHANGES, progress)
            if options["photos"]:
                report["photos"] = photo_figures(engine, load_detector(), files, progress)
        except VisionError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self._print(report)

    def _print(self, report: dict[str, Any]) -> None:
        self.stdout.write(f"{report['model_version']} on {report['n']} crops")
        rows = dict(report["framings"])
        if photos := report.get("photos"):
            rows[f"{photos['found']} found"] = photos["crops"]
            rows["by the whole way"] = photos["photos"]
        for name, found in rows.items():
            told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in found.items())
            self.stdout.write(f"  {name:18} {told}")


def _files(path: Path, bucket: int | None, limit: int | None) -> list[LabelledFile]:
    """The crops that are measured. Raises DatasetUnreadable."""
    with LabelledFiles(path) as files:
        return draw(of_bucket(files, bucket), len(files) if limit is None else limit)
