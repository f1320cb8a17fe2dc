"""The recipes there are: by name, and by the record that a run keeps of one."""

from collections.abc import Mapping
from typing import Any

from .head_recipes import HEAD_RECIPES, HeadRecipe
from .network_recipes import NETWORK_RECIPES, NetworkRecipe, is_of_network
from .recipe import Recipe, RecipeInvalid

RECIPES: dict[str, Recipe] = {**HEAD_RECIPES, **NETWORK_RECIPES}

# What may be asked to differ from a recipe as it stands.
CHANGEABLE = ("heads", "epochs", "learning_rate", "unfreeze", "seed")


def named(name: str, **changes: Any) -> Recipe:
    """A recipe by its name, with whatever is not None changed in it. Raises RecipeInvalid."""
    if name not in RECIPES:
        raise RecipeInvalid("unknown", name=name, known=list(RECIPES))
    wanted = {key: value for key, value in changes.items() if value is not None}
    return RECIPES[name].with_changes(**wanted)


def recorded(record: Mapping[str, Any]) -> Recipe:
    """The recipe that a run has kept. Raises RecipeInvalid."""
    return (NetworkRecipe if is_of_network(record) else HeadRecipe).from_json(record)
