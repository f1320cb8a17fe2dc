"""`benchmark [PHOTO]`: how fast this machine does each step, as ratios measured in one run."""

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from training.registry.loading import resolve_bundle
from vision.bundles.bundle import load_bundle
from vision.errors import BundleError

PARTS = ("networks", "ceiling", "finding", "queue", "heads")


class Command(BaseCommand):
    help = (
        "Measure decoding, detection, the network in every engine, the queue and the training of "
        "heads on this machine, in turn; takes some minutes. What is set against a pass is set "
        "against one face through the starter on TensorFlow in float32, of the same run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("photo", type=Path, help="A portrait, 512 pixels wide or more.")
        parser.add_argument("--model", help="A version's name or a bundle's folder.")
        parser.add_argument("--rounds", type=int, default=7, help="How often each is measured.")
        parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            portrait = options["photo"].read_bytes()
            bundle = load_bundle(resolve_bundle(options["model"]))
            starter = load_bundle(settings.STARTER_BUNDLE)
        except OSError as error:
            raise CommandError(f"The photo cannot be opened: {error.strerror}.") from error
        except BundleError as error:
            raise CommandError(str(error)) from error
        from vision.benchmark import report

        parts = report.parts(bundle, starter, portrait, options["rounds"])
        parts["queue"] = lambda: _queue(options["photo"], options["rounds"])
        measured = {name: report.rounded(parts[name]()) for name in options["parts"]}
        document = {"machine": report.machine(), **measured}
        if options["json"]:
            self.stdout.write(json.dumps(document))
        else:
            self.stdout.write("\n".join(report.table(document)))


def _queue(photo: Path, rounds: int) -> dict[str, Any]:
    """What `benchmark_queue` measures, on a database and files of its own."""
    with tempfile.TemporaryDirectory(prefix="faceroute-benchmark-") as folder:
        environment = {**os.environ, "FACEROUTE_DATA_DIR": folder}
        environment["DATABASE_URL"] = f"sqlite:///{folder}/db.sqlite3"

        def manage(*arguments: str) -> bytes:
            return subprocess.run(
                [sys.executable, "manage.py", *arguments],
                cwd=settings.BASE_DIR,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
            ).stdout

        manage("migrate", "--verbosity", "0")
        printed = manage("benchmark_queue", str(photo.resolve()), "--rounds", str(rounds))
    report: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return report
