"""A recipe is a record: kept whole, changed with care, refused where it cannot be trained."""

import json
from typing import Any

import pytest

from vision.attributes import RACE
from vision.data.selection import POLICIES
from vision.heads.specs import build_head, classic_heads
from vision.training.head_recipes import HEAD_RECIPES, HeadRecipe
from vision.training.known_recipes import named
from vision.training.recipe import RecipeInvalid


def test_the_decks_age_head_has_the_decks_parameters() -> None:
    import keras

    age = next(spec for spec in classic_heads() if spec.name == "age")
    head = build_head(keras.Input((7, 7, 512)), age)
    counts = [
        layer.count_params() for layer in head.layers if isinstance(layer, keras.layers.Dense)
    ]
    assert counts == [401_424, 136, 9]


def test_classic_trains_the_decks_heads_without_weights_or_mirrors() -> None:
    classic = HEAD_RECIPES["classic"]
    assert classic.heads == classic_heads()
    assert (classic.balance, classic.mirror, classic.unfreeze) == (0.0, False, "none")


def test_full_knows_all_races_and_ages_as_a_distribution() -> None:
    heads = {head.name: head for head in HEAD_RECIPES["full"].heads}
    assert heads["race"].labels == RACE.labels
    assert heads["age"].output == "distribution"
    assert HEAD_RECIPES["full"].balance > 0


@pytest.mark.parametrize("name", HEAD_RECIPES)
def test_a_recipe_survives_being_written_down(name: str) -> None:
    written = json.loads(json.dumps(HEAD_RECIPES[name].as_json()))
    assert HeadRecipe.from_json(written) == HEAD_RECIPES[name]
    assert written["curation"] == HEAD_RECIPES[name].policy  # as runs of every version have it


@pytest.mark.parametrize("name", HEAD_RECIPES)
def test_a_recipe_names_a_selection_that_exists(name: str) -> None:
    assert HEAD_RECIPES[name].policy in POLICIES


def test_heads_can_be_chosen_and_numbers_changed() -> None:
    changed = HEAD_RECIPES["classic"].with_changes(heads=["age"], epochs=3, seed=7)
    assert [head.name for head in changed.heads] == ["age"]
    assert (changed.epochs, changed.seed, changed.batch) == (3, 7, HEAD_RECIPES["classic"].batch)


def test_a_recipe_tells_what_its_training_goes_through() -> None:
    changed = HEAD_RECIPES["full"].with_changes(heads=["gender"], unfreeze="block5")
    assert changed.phases == ("features", "gender", "block5", "calibration")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs must lie between 1 and 500"),
        ({"learning_rate": float("nan")}, "learning_rate must lie"),
        ({"balance": 1.5}, "balance must lie"),
        ({"unfreeze": "block9"}, "none or block5"),
        ({"heads": ["hair"]}, "no head hair"),
        ({"heads": []}, "at least one head"),
        ({"epohcs": 3}, "epohcs"),
        ({"epochs": "many"}, "epochs must be"),
        ({"batch": 2.5}, "batch must be"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        HEAD_RECIPES["full"].with_changes(**changes)


@pytest.mark.parametrize(
    "damage",
    [
        {"heads": {"hair": {}}},
        {"heads": None},
        {"colour": "blue"},
        {"epochs": -1},
    ],
)
def test_a_damaged_record_is_no_recipe(damage: dict[str, Any]) -> None:
    with pytest.raises(RecipeInvalid):
        HeadRecipe.from_json({**HEAD_RECIPES["full"].as_json(), **damage})


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeInvalid, match="there are classic, full"):
        named("deluxe")
