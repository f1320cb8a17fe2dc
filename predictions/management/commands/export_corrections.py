"""`export_corrections FOLDER`: accepted corrections as labelled crops, for `import_dataset`."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from predictions.corrections import Export, export_to_folder
from training.jobs.progress_line import ProgressLine


class Command(BaseCommand):
    help = (
        "Write the face of every accepted correction into a folder, aligned and named as in "
        "UTKFace, for import_dataset. Run again, it also deletes the crops of corrections that "
        "were taken back since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        line = ProgressLine(options["json"])
        try:
            export = export_to_folder(
                options["folder"], lambda done, total: line("crops", done, total)
            )
        except OSError as error:
            raise CommandError(f"The crops cannot be written: {error}.") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(export)))
        else:
            self.stdout.write(_words(export))


def _words(export: Export) -> str:
    words = f"Crops written: {export.written}."
    if export.incomplete:
        words += f" Left out, because a label is not said: {export.incomplete}."
    if export.unreadable:
        words += f" Left out, because the photo cannot be read: {export.unreadable}."
    return words
