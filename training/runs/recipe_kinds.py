"""Recipes by name or record, and what carries them out: the one place that knows their kinds."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from vision.bundles.bundle import Bundle
from vision.data.utkface import Curated
from vision.diskspace import DiskFull, free_bytes, in_words, used_bytes
from vision.training.disk_estimate import checkpoint_bytes, feature_bytes, pretrain_bytes
from vision.training.head_recipes import RECIPES, Recipe, recipe
from vision.training.network_recipes import (
    PRETRAIN_RECIPES,
    PretrainRecipe,
    is_pretraining,
    pretrain_recipe,
)

if TYPE_CHECKING:
    from vision.training.head_training import Fitted
    from vision.training.progress import FitProgress


AnyRecipe = Recipe | PretrainRecipe

NAMES = (*RECIPES, *PRETRAIN_RECIPES)

# What may be asked to differ from the recipe as it stands.
CHANGEABLE = ("heads", "epochs", "learning_rate", "unfreeze", "seed")


def chosen(name: str, **changes: Any) -> AnyRecipe:
    """A recipe by its name, with whatever is not None changed in it. Raises RecipeInvalid."""
    wanted = {key: value for key, value in changes.items() if value is not None}
    if name in PRETRAIN_RECIPES:
        return pretrain_recipe(name).with_changes(**wanted)
    return recipe(name).with_changes(**wanted)


def recorded(record: Mapping[str, Any]) -> AnyRecipe:
    """The recipe that a run has kept. Raises RecipeInvalid."""
    if is_pretraining(record):
        return PretrainRecipe.from_json(record)
    return Recipe.from_json(record)


def needs_backbone(recipe: AnyRecipe) -> bool:
    """Whether it goes on from a version's backbone, which one from scratch does without."""
    return isinstance(recipe, Recipe) or recipe.goes_on


def carry_out(
    recipe: AnyRecipe,
    backbone: Bundle | None,
    curated: Curated,
    folder: Path,
    on_progress: "Callable[[FitProgress], None]",
) -> "Fitted":
    """Train by a recipe, going on from the checkpoints in `folder`. Imports TensorFlow.

    `backbone` may only be None where the recipe needs none. Raises what `on_progress` raises and
    kinds of VisionError; see `vision.training.head_training` and
    `vision.training.network_training`.
    """
    if isinstance(recipe, PretrainRecipe):
        from vision.training.network_training import pretrain

        # Decoded in a minute, the crops need not outlive the run.
        cache = folder / "crops"
        return pretrain(
            recipe, curated, start=backbone, cache=cache, folder=folder, on_progress=on_progress
        )
    if backbone is None:
        raise ValueError(f"The recipe {recipe.name} needs a backbone.")
    from vision.training.head_training import fit

    return fit(
        recipe,
        backbone,
        curated,
        cache=settings.FEATURE_ROOT,
        cache_bytes=settings.FEATURE_BYTES,
        folder=folder,
        on_progress=on_progress,
    )


def check_room(recipe: AnyRecipe, input_size: int, curated: Curated) -> None:
    """Raises DiskFull where the disk has too little room for a training, as far as is known now.

    `input_size` is the backbone's; a recipe that needs none has its own. Features that are kept
    already, be they of other backbones, make room.
    """
    trained, validated = len(curated.train), len(curated.validation)
    if isinstance(recipe, PretrainRecipe):
        needed = pretrain_bytes(recipe, trained + validated)
        room = free_bytes(settings.DATA_DIR)
    else:
        features = feature_bytes(recipe, input_size, trained, validated)
        _check_cache(features)
        needed = features + checkpoint_bytes(recipe, input_size)
        room = free_bytes(settings.DATA_DIR) + used_bytes(settings.FEATURE_ROOT)
    if needed > room:
        raise DiskFull(
            _(
                "The training needs %(needed)s on the disk of this server, and there is room for "
                "%(room)s. Please make room, or choose fewer images."
            )
            % {"needed": in_words(needed), "room": in_words(room)}
        )


def _check_cache(features: int) -> None:
    """Raises DiskFull where the features are more than the cache may hold."""
    if features > (allowed := settings.FEATURE_BYTES):
        raise DiskFull(
            _(
                "The images' features need %(needed)s, and the cache may hold %(room)s. Please "
                "allow it more (FACEROUTE_FEATURE_BYTES), or choose fewer images."
            )
            % {"needed": in_words(features), "room": in_words(allowed)}
        )
