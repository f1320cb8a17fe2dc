"""`pretrain --recipe NAME`: trains a whole network (`vision.training.network_recipes`)."""

from argparse import ArgumentParser
from typing import Any

from training.models import Dataset, TrainingRun
from training.runs.trainings import create_training
from vision.training.known_recipes import named
from vision.training.network_recipes import NETWORK_RECIPES

from ._training import TrainingCommand, activation, named_version

_GO_ON = ", ".join(name for name, recipe in NETWORK_RECIPES.items() if recipe.needs_backbone)


class Command(TrainingCommand):
    help = (
        "Train a backbone together with its heads and make a model version of them. Hours on a "
        "CPU; whatever cuts it off, it goes on with --resume."
    )

    choices = NETWORK_RECIPES
    changeable = ("start", "seed")

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--start",
            metavar="VERSION",
            help=f"Begin with a version's weights; else {_GO_ON} do with the active version's, and "
            "the others with random ones.",
        )
        parser.add_argument("--seed", type=int)

    def create(self, dataset: Dataset, options: dict[str, Any]) -> TrainingRun:
        recipe = named(options["recipe"], seed=options["seed"])
        backbone = named_version(options["start"])
        return create_training(dataset, recipe, backbone=backbone, user=None, **activation(options))
