"""`dataset_figures`: what the charts of a dataset show, for the terminal and for programs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.eda.dataset_charts import tables
from training.eda.dataset_figures import summary
from training.models import Dataset


class Command(BaseCommand):
    help = "Print the figures of a dataset: its funnel, counts, splits, copies and every chart."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="UTKFace", help="The dataset's name.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        dataset = Dataset.objects.filter(name=options["dataset"]).first()
        if dataset is None:
            raise CommandError(f"There is no dataset called {options['dataset']!r}.")
        charts = tables(dataset)
        if options["json"]:
            self.stdout.write(json.dumps(summary(dataset) | {"charts": charts}))
            return
        for chart in charts.values():
            self.stdout.write(f"\n{chart['title']}: {chart['shows']}")
            for row in (chart["columns"], *chart["rows"]):
                self.stdout.write("  " + "\t".join("–" if v is None else str(v) for v in row))
            for note in chart["notes"]:
                self.stdout.write(f"  {note}")
