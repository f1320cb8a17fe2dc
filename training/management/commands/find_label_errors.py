"""`find_label_errors`: labels of a dataset that a model which has not seen them would not give."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.models import Dataset
from training.reviews import review
from vision.errors import VisionError

from ._progress import ProgressLine


class Command(BaseCommand):
    help = "Find likely label errors in a dataset, for administrators to look at."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="UTKFace", help="The dataset's name.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        dataset = Dataset.objects.filter(name=options["dataset"]).first()
        if dataset is None:
            raise CommandError(f"There is no dataset called {options['dataset']!r}.")
        try:
            message = review(dataset, ProgressLine(options["json"]))
        except VisionError as error:
            raise CommandError(str(error)) from error
        columns = ("name", "doubtful_label", "doubt", "suggestion")
        found = list(dataset.samples.exclude(doubt=None).order_by("-doubt").values(*columns))
        self.stdout.write(json.dumps(found) if options["json"] else message)
