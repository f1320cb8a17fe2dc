"""`find_label_errors`: labels of a dataset that a model which has not seen them would not give."""

import json
from argparse import ArgumentParser
from itertools import zip_longest
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import OuterRef, Subquery

from training.datasets.label_issues import review_now
from training.jobs.progress_line import ProgressLine
from training.models import Content, Dataset, LabelIssue
from vision.attributes import ATTRIBUTES

from ._jobs import refusals_told, require_done


class Command(BaseCommand):
    help = "Find label issues (labels that are probably wrong) for administrators to look at."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dataset", default="UTKFace", help="The dataset's name.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        dataset = Dataset.objects.filter(name=options["dataset"]).first()
        if dataset is None:
            raise CommandError(f"There is no dataset called {options['dataset']!r}.")
        with refusals_told():
            run = review_now(dataset, ProgressLine(options["json"]))
        require_done(run)
        self.stdout.write(json.dumps(_listed(dataset)) if options["json"] else run.sentence)


def _listed(dataset: Dataset) -> list[dict[str, Any]]:
    """The likeliest errors of each label in turn: issues of different labels do not compare."""
    labels = [issues_of(dataset, label) for label in ATTRIBUTES]
    turns = zip_longest(*labels)
    return [issue for turn in turns for issue in turn if issue]


def issues_of(dataset: Dataset, label: str) -> list[dict[str, Any]]:
    """The issues of one label, the likeliest error first."""
    issues = LabelIssue.objects.filter(sample__dataset=dataset, label=label).order_by("-score")
    split = Subquery(Content.objects.filter(digest=OuterRef("sample__digest")).values("split"))
    rows = issues.annotate(split=split)
    return [
        {
            "name": row.sample.name,
            "split": row.split,
            "doubtful_label": label,
            "doubt": row.score,
            "suggestion": row.suggestion,
        }
        for row in rows.select_related("sample")
    ]
