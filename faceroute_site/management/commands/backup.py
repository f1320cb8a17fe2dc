"""`backup [PATH]`: the whole site in one file, while it runs."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from faceroute_site.backup.archive import BackupError
from faceroute_site.backup.saving import Saved, back_up
from training.jobs.progress_line import ProgressLine
from vision.diskspace import DiskFull, in_words


class Command(BaseCommand):
    help = (
        "Write the database, photos, models and datasets into one file, while the site runs. It "
        "holds everything that is private and is for your eyes alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", type=Path, nargs="?", default=Path(), help="A file, or a folder for one."
        )
        parser.add_argument(
            "--without-media",
            action="store_true",
            help="Leave photos out: where a store keeps copies of them itself, for example.",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        path: Path = options["path"].resolve()
        if path.is_dir():
            path /= f"faceroute-{timezone.now():%Y-%m-%d-%H%M%S}.tar"
        line = ProgressLine(options["json"])
        try:
            saved = back_up(path, media=not options["without_media"], on_progress=line)
        except (BackupError, DiskFull) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup cannot be written: {error}.") from error
        self.stdout.write(json.dumps(_as_json(saved)) if options["json"] else _words(saved))


def _as_json(saved: Saved) -> dict[str, Any]:
    return {
        "path": str(saved.path),
        "bytes": saved.bytes,
        "files": dict(saved.files),
        "secret_key": saved.secret_key,
        "deleted_meanwhile": saved.deleted,
        "lost": saved.lost,
    }


def _words(saved: Saved) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in sorted(saved.files.items()))
    words = f"{saved.path} holds {in_words(saved.bytes)}: the database, and files ({counts or 0})."
    if not saved.secret_key:
        words += "\nIt does not hold SECRET_KEY, which is set by the environment: keep that too."
    if saved.deleted:
        words += f"\nDeleted while it was made, and not in it: {saved.deleted} files."
    if saved.lost:
        words += (
            f"\nWARNING: {len(saved.lost)} files that the database names are not there, the first "
            f"being {saved.lost[0]}. Please see whether what they are kept in is within reach."
        )
    return words
