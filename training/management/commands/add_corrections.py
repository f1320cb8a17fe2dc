"""`add_corrections`: what is accepted of senders' corrections, into the training of a dataset."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.datasets.import_runs import import_now
from training.eda.dataset_figures import summary
from training.jobs.progress_line import ProgressLine
from training.models import Dataset

from ._jobs import refusals_told, require_done


class Command(BaseCommand):
    help = (
        "Add every accepted correction that has all three labels to a dataset. They train and are "
        "never examined on. What is withdrawn later leaves the dataset by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="UTKFace", help="The dataset's name.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        dataset = Dataset.objects.filter(name=options["dataset"]).first()
        if dataset is None:
            raise CommandError(f"There is no dataset called {options['dataset']!r}.")
        with refusals_told():
            run = import_now(dataset.name, ProgressLine(options["json"]), of_corrections=True)
        require_done(run)
        dataset.refresh_from_db()
        if options["json"]:
            self.stdout.write(json.dumps(summary(dataset)["corrections"]))
        else:
            self.stdout.write(run.sentence)
