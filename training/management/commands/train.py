"""`train --recipe classic|full`: a training run, done by this process with nothing else running."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from training import recipes
from training.models import Dataset, ModelVersion, RunState, TrainingRun
from training.registry import active_version
from training.trainings import create_training, execute, take
from vision.errors import VisionError
from vision.recipes import RECIPES

from ._database import ready_database
from ._progress import ProgressLine

_STOPPED_BY_HAND = 130  # as shells have it
_FOR_NEW_RUNS = {*recipes.CHANGEABLE, "dataset", "model", "activate"}


class Command(BaseCommand):
    help = "Train heads by a recipe and make a model version of them, as the admin's button does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--recipe", choices=RECIPES)
        what.add_argument("--resume", type=int, metavar="RUN", help="Go on with a run cut off.")
        parser.add_argument("--dataset", help="Its name; the newest if not given.")
        parser.add_argument("--heads", type=_names, help="Of the recipe's: age,gender,race.")
        parser.add_argument("--epochs", type=int, help="At most so many passes.")
        parser.add_argument("--learning-rate", type=float)
        parser.add_argument("--unfreeze", choices=["none", "block5"])
        parser.add_argument("--seed", type=int)
        parser.add_argument("--model", help="The version whose trunk is used; else the active one.")
        parser.add_argument("--activate", action="store_true", help="Let the new version serve.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if options["resume"] and (given := _FOR_NEW_RUNS & _given(options)):
            raise CommandError(
                f"A run goes on as it was asked for; {', '.join(given)} is too late."
            )
        ready_database()
        try:
            pk = options["resume"] or self._create(options).pk
            run = take(pk)
        except VisionError as error:
            raise CommandError(str(error)) from error
        version = self._execute(run, quiet=options["json"])
        if options["json"]:
            metrics = version.metrics
            report = {"run": run.pk, "model_version": version.name, "metrics": metrics}
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(run.message)

    def _create(self, options: dict[str, Any]) -> TrainingRun:
        """Raises VisionError and CommandError."""
        changes = {name: options[name] for name in recipes.CHANGEABLE}
        recipe = recipes.chosen(options["recipe"], **changes)
        dataset, trunk = _dataset(options["dataset"]), self._trunk(options["model"])
        return create_training(
            dataset, recipe, trunk=trunk, activate=options["activate"], user=None
        )

    def _trunk(self, name: str | None) -> ModelVersion | None:
        if name is None:
            if active_version() is None:
                call_command("register_starter", stdout=self.stderr)
            return None
        version = ModelVersion.objects.filter(name=name).first()
        if version is None:
            raise CommandError(f"There is no model version called {name!r}.")
        return version

    def _execute(self, run: TrainingRun, *, quiet: bool) -> ModelVersion:
        progress = ProgressLine(quiet)
        again = f"`manage.py train --resume {run.pk}` goes on where it stood."
        try:
            state = execute(run, progress, say=progress.line)
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {again}", returncode=_STOPPED_BY_HAND) from None
        if state != RunState.DONE or run.version is None:
            raise CommandError(f"{run.message} {again}")
        return run.version


def _given(options: dict[str, Any]) -> set[str]:
    return {name for name, value in options.items() if value is not None and value is not False}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _dataset(name: str | None) -> Dataset:
    """Raises CommandError."""
    found = Dataset.objects.filter(name=name) if name else Dataset.objects.all()
    dataset = found.order_by("-created_at", "-pk").first()
    if dataset is None:
        missing = f"There is no dataset called {name!r}." if name else "There is no dataset yet."
        raise CommandError(f"{missing} `manage.py import_dataset PATH` makes one.")
    return dataset
