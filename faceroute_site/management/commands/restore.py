"""`restore PATH`: what a backup holds, brought into a place where there is nothing yet."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from faceroute_site.backup.archive import BackupError
from faceroute_site.backup.restoring import Restored, restore
from training.jobs.progress_line import ProgressLine
from vision.diskspace import DiskFull


class Command(BaseCommand):
    help = (
        "Bring a backup into an empty data folder and an empty database, while nothing runs on "
        "them. Killed, it is finished by running it again."
    )
    requires_system_checks: list[str] = []  # one of them says that a restore was cut off

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="What `backup` has written.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        try:
            restored = restore(options["path"], ProgressLine(options["json"]))
        except (BackupError, DiskFull) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup cannot be restored: {error}.") from error
        self.stdout.write(json.dumps(_as_json(restored)) if options["json"] else _words(restored))


def _as_json(restored: Restored) -> dict[str, Any]:
    kept = ("version", "created_at", "database", "media")
    about = {key: restored.about[key] for key in kept}
    return about | {"missing": restored.missing, "tables_left_out": restored.left_out}


def _words(restored: Restored) -> str:
    about = restored.about
    words = (
        f"Everything is as it was at {about['created_at'][:19]} UTC (FaceRoute "
        f"{about['version']}). Start the site with `make run`; where you start it otherwise, run "
        "`manage.py migrate` first."
    )
    if not about["media"]:
        words += "\nThe backup was made without photos; they are expected where they are kept."
    if restored.missing:
        words += f"\nFiles that were not there when it was made: {len(restored.missing)}."
    if restored.left_out:
        words += f"\nTables that are not FaceRoute's, left out: {', '.join(restored.left_out)}."
    return words
