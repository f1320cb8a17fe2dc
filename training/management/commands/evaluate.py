"""`evaluate PATH`: score a model version on labelled crops."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.registry.loading import load_engine, resolve_bundle
from vision.bundles.bundle import load_bundle
from vision.bundles.seen import SeenCounter
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.errors import VisionError
from vision.evaluation.edits import SAMPLE, edit_figures
from vision.evaluation.robustness import draw

from ._buckets import add_bucket, of_bucket

_PATH_HELP = """A folder or a zip of UTKFace-named crops, nested or flat, or of crops and a label
file with columns for the file, age, gender and race; or that label file."""


class Command(BaseCommand):
    help = "Score the active model (or another) on aligned crops with labels."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help=_PATH_HELP)
        parser.add_argument("--model", help="A version's name or a bundle's folder.")
        add_bucket(parser)
        parser.add_argument("--limit", type=int, help="Score only the first so many files.")
        parser.add_argument(
            "--edits",
            action="store_true",
            help="Also say what blur, sharpening, noise, compression and reduction move, on at "
            f"most {SAMPLE} crops drawn by a hash.",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from vision.evaluation.evaluate import evaluate

        progress = self._progress(options["json"])
        try:
            bundle = load_bundle(resolve_bundle(options["model"]))
            engine = load_engine(bundle)
            with LabelledFiles(options["path"]) as files:

                def chosen() -> Iterator[LabelledFile]:
                    return islice(of_bucket(files, options["bucket"]), options["limit"])

                seen = SeenCounter(bundle.trained_on)
                report = evaluate(engine, seen.watch(chosen()), on_progress=progress)
                if options["edits"]:
                    sample = draw(chosen(), SAMPLE)
                    edits = edit_figures(engine, sample, lambda _name, count: progress(count))
                    report["edits"] = edits
        except VisionError as error:
            raise CommandError(str(error)) from error
        report |= {"seen": seen.count, "model_version": bundle.manifest["name"]}
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self._print(report)

    def _progress(self, quiet: bool) -> Any:
        done = 0

        def show(count: int) -> None:
            nonlocal done
            done += count
            if not quiet and sys.stderr.isatty():
                self.stderr.write(f"\r{done} crops", ending="")

        return show

    def _print(self, report: dict[str, Any]) -> None:
        self.stdout.write(f"{report['model_version']} on {report['n']} crops")
        for key, value in report.items():
            if key not in {"groups", "skipped", "edits", "n", "model_version"}:
                self.stdout.write(f"  {key:24} {'–' if value is None else value}")
        for reason, count in report["skipped"].items():
            self.stdout.write(f"  skipped, {reason}: {count}")
        if edits := report.get("edits"):
            self._print_edits(edits)

    def _print_edits(self, edits: dict[str, Any]) -> None:
        self.stdout.write(f"Edited, on {edits['n']} of them; by how much each figure moves:")
        for name, moved in edits["changes"].items():
            told = (
                f"{key.replace('_', ' ')} {'–' if by is None else f'{by:+z.4f}'}"
                for key, by in moved.items()
            )
            self.stdout.write(f"  {name:12} {', '.join(told)}")
