"""`benchmark_queue PHOTO`: the part of `benchmark` that needs an empty database."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from predictions.models import Prediction
from vision.bundles.bundle import load_bundle


class Command(BaseCommand):
    help = "What a photo costs beside the network. `benchmark` runs it, on a database of its own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("photo", type=Path)
        parser.add_argument("--rounds", type=int, default=7)

    def handle(self, **options: Any) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from predictions.beside_network import beside_network

        if Prediction.objects.exists():
            raise CommandError("This database holds predictions, which the measurement would lose.")
        starter = load_bundle(settings.STARTER_BUNDLE)
        report = beside_network(starter, options["photo"].read_bytes(), options["rounds"])
        self.stdout.write(json.dumps(report))
