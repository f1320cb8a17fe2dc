"""`train --recipe classic|full`: a training run, done by this process with nothing else running."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command

from training.models import Dataset, TrainingRun
from training.registry.versions import active_version
from training.runs.trainings import create_training
from vision.training.head_recipes import HEAD_RECIPES
from vision.training.known_recipes import CHANGEABLE, named

from ._training import TrainingCommand, activation, named_version


class Command(TrainingCommand):
    help = "Train heads by a recipe and make a model version of them, as the admin's button does."

    choices = HEAD_RECIPES
    changeable = (*CHANGEABLE, "model")

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--heads", type=_names, help="Of the recipe's: age,gender,race.")
        parser.add_argument("--epochs", type=int, help="At most so many passes.")
        parser.add_argument("--learning-rate", type=float)
        parser.add_argument("--unfreeze", choices=["none", "block5"])
        parser.add_argument("--seed", type=int)
        parser.add_argument("--model", help="The version to take the backbone from.")

    def create(self, dataset: Dataset, options: dict[str, Any]) -> TrainingRun:
        changes = {name: options[name] for name in CHANGEABLE}
        recipe = named(options["recipe"], **changes)
        backbone = named_version(options["model"])
        if backbone is None and active_version() is None:
            call_command("register_starter", stdout=self.stderr)
        return create_training(dataset, recipe, backbone=backbone, user=None, **activation(options))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
