"""`export_training --dataset NAME --recipe starter-gpu FOLDER`: packs a training to travel."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.jobs.progress_line import ProgressLine
from training.runs.borrowed import Packed, Terms, pack
from vision.diskspace import in_words
from vision.errors import VisionError
from vision.training.known_recipes import named
from vision.training.network_recipes import NETWORK_RECIPES, NetworkRecipe

from ._database import ready_database
from ._training import named_dataset

_LIMIT_MIB = Terms.limit / 2**20


class Command(BaseCommand):
    help = (
        "Pack what a training from random weights needs on a borrowed GPU machine without "
        "internet, beside the repository. docs/administrator/borrowed-gpu.md goes on from there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        from_scratch = [name for name, one in NETWORK_RECIPES.items() if not one.needs_backbone]
        parser.add_argument("folder", type=Path, help="The parcel's folder, which is made.")
        parser.add_argument("--recipe", choices=from_scratch, required=True)
        parser.add_argument("--dataset", help="Its name; the newest if not given.")
        parser.add_argument("--seed", type=int)
        parser.add_argument("--size", type=int, help="Pixels of the input, not the recipe's.")
        parser.add_argument("--batch", type=int, help="Images a step, not the recipe's.")
        parser.add_argument(
            "--quality",
            type=int,
            choices=range(1, 101),
            default=Terms.quality,
            metavar="Q",
            help=f"Of the WebP images, 1 to 100; {Terms.quality} if not given.",
        )
        parser.add_argument(
            "--limit",
            type=float,
            default=_LIMIT_MIB,
            metavar="MIB",
            help=f"What may travel at once, the repository included; {_LIMIT_MIB:g} if not given.",
        )
        parser.add_argument(
            "--two", action="store_true", help="Pack two parcels where one is full."
        )
        parser.add_argument(
            "--no-wheels", action="store_true", help="For a machine that has Keras already."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        ready_database()
        dataset = named_dataset(options["dataset"])
        try:
            packed = pack(
                dataset,
                _recipe(options),
                options["folder"].resolve(),
                Terms(
                    quality=options["quality"],
                    limit=int(options["limit"] * 2**20),
                    two=options["two"],
                    wheels=not options["no_wheels"],
                ),
                ProgressLine(options["json"]),
            )
        except VisionError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(_report(packed)) if options["json"] else _in_words(packed))


def _recipe(options: dict[str, Any]) -> NetworkRecipe:
    """Raises RecipeInvalid."""
    recipe = named(options["recipe"], seed=options["seed"])
    if not isinstance(recipe, NetworkRecipe):
        raise CommandError(f"{recipe.name} trains no whole network.")
    wanted = {key: options[key] for key in ("size", "batch") if options[key] is not None}
    return recipe.with_changes(stages=tuple(one._replace(**wanted) for one in recipe.stages))


def _report(packed: Packed) -> dict[str, Any]:
    return {
        "folders": [str(folder) for folder in packed.folders],
        "bytes": list(packed.sizes),
        "tracked": packed.tracked,
    }


def _in_words(packed: Packed) -> str:
    pairs = zip(packed.folders, packed.sizes, strict=True)
    folders = " ".join(folder.name for folder in packed.folders)
    return "\n".join(
        [
            *(f"{folder}: {in_words(size)}" for folder, size in pairs),
            f"The repository, which goes along: {in_words(packed.tracked)}",
            f"There: python -m vision.offline {folders} --minutes M --out OUT",
        ]
    )
