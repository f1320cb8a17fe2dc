"""The folder of one training: whose it is, and how that reads its crops."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from vision.crops.reading import AS_THEY_ARE, Reading
from vision.durable_files import replace_durably

from ..diskspace import full_disk_in_words
from .checkpoints import CheckpointUnusable
from .recipe import Recipe, RecipeInvalid

# What a folder that was claimed by a version of before calls the backbone it goes on from.
_FORMER_NAMES = {"trunk": "backbone"}


def claim_folder(folder: Path, recipe: Recipe, **others: str) -> None:
    """Make a folder the one of a training, told from all others by its recipe and `others`.

    Raises CheckpointUnusable where it is that of another training already; DiskFull.
    """
    file = folder / "training.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        text = json.dumps({"recipe": recipe.as_json(), **others}, sort_keys=True, indent=2)
        with full_disk_in_words():
            replace_durably(file, text.encode())
    elif not _is_of(file, recipe, others):
        raise CheckpointUnusable("other_training")


def _is_of(file: Path, recipe: Recipe, others: dict[str, str]) -> bool:
    """The recipe is read first: a version of before may have written it in other words."""
    try:
        claimed = json.loads(file.read_text())
        its_recipe = type(recipe).from_json(claimed.pop("recipe"))
        its_others = {_FORMER_NAMES.get(name, name): value for name, value in claimed.items()}
        return its_recipe == recipe and its_others == others
    except (ValueError, LookupError, RecipeInvalid):
        return False


def settled_readings(
    folder: Path, sizes: Iterable[int], measure: Callable[[int], Reading]
) -> dict[int, Reading]:
    """How the training in a folder reads its crops at each size: measured once, then kept there.

    One whose checkpoint is older than readings goes on with crops as they are. Raises what
    `measure` raises; DiskFull.
    """
    file = folder / "readings.json"
    if file.exists():
        kept = json.loads(file.read_text())
        return {int(size): Reading.from_json(reading) for size, reading in kept.items()}
    if any(folder.glob("*.safetensors")):
        return dict.fromkeys(sizes, AS_THEY_ARE)
    readings = {size: measure(size) for size in sizes}
    text = json.dumps({size: reading.as_json() for size, reading in readings.items()})
    with full_disk_in_words():
        replace_durably(file, text.encode())
    return readings
