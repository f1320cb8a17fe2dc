"""`import_dataset PATH`: labelled images from a folder, a zip or a CSV file into a dataset."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.datasets.import_runs import ImportRefused, import_now, not_used
from training.eda.dataset_figures import summary
from training.jobs.progress_line import ProgressLine

from ._database import ready_database
from ._jobs import refusals_told, require_done


class Command(BaseCommand):
    help = (
        "Import UTKFace (a folder or a zip, nested or flat), or images with a label file that has "
        "columns for the file, age, gender and race. Run again, it goes on where it was cut off."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="A folder, a zip or a label file.")
        parser.add_argument("--name", default="UTKFace", help="The dataset's name.")
        parser.add_argument(
            "--detect-faces",
            action="store_true",
            help="Set images aside on which no face is found (some 30 ms an image).",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        path: Path = options["path"]
        if not path.exists():
            raise CommandError(f"There is no file or folder at {path}.")
        ready_database()
        try:
            with refusals_told():
                run = import_now(
                    options["name"],
                    ProgressLine(options["json"]),
                    path=str(path.resolve()),
                    detect_faces=options["detect_faces"],
                )
        except ImportRefused as refused:
            raise CommandError(str(refused)) from refused
        except KeyboardInterrupt:
            again = "Interrupted. The same command goes on where it stood."
            raise CommandError(again, returncode=130) from None
        require_done(run)
        report = summary(run.own_dataset) | {"not_used": not_used(run)}
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self._print(run.sentence, report)

    def _print(self, message: str, report: dict[str, Any]) -> None:
        self.stdout.write(message)
        for step in report["funnel"]:
            reasons = ", ".join(f"{name} {count}" for name, count in step["reasons"].items())
            self.stdout.write(f"  {step['count']:>7}  {step['step']:12} {reasons}")
