"""A recipe for a backbone is a record too: kept whole, changed with care, refused in words."""

import json
from typing import Any

import pytest

from vision.data.selection import POLICIES
from vision.heads.specs import classic_heads
from vision.training.head_recipes import HEAD_RECIPES
from vision.training.known_recipes import named
from vision.training.network_recipes import (
    NETWORK_RECIPES,
    NetworkRecipe,
    Stage,
    is_of_network,
)
from vision.training.recipe import RecipeInvalid


@pytest.mark.parametrize("name", NETWORK_RECIPES)
def test_a_recipe_survives_being_written_down(name: str) -> None:
    written = json.loads(json.dumps(NETWORK_RECIPES[name].as_json()))
    assert is_of_network(written)
    assert NetworkRecipe.from_json(written) == NETWORK_RECIPES[name]
    assert written["name"] == name
    assert written["curation"] == NETWORK_RECIPES[name].policy


def test_a_record_of_before_is_read() -> None:
    """It may take gradients off the weights, and knows nothing of photos that editors have had."""
    written = NETWORK_RECIPES["continue-cpu"].as_json() | {"sam_radius": 1.0}
    for field in ("blur", "sharpen", "noise", "jpeg"):
        del written["augmentation"][field]
    assert NetworkRecipe.from_json(written) == NETWORK_RECIPES["continue-cpu"]


def test_a_recipe_for_heads_is_none_for_a_backbone() -> None:
    record = HEAD_RECIPES["full"].as_json()
    assert not is_of_network(record)
    with pytest.raises(RecipeInvalid, match="has no"):
        NetworkRecipe.from_json(record)


@pytest.mark.parametrize("name", NETWORK_RECIPES)
def test_a_recipe_names_a_selection_that_exists_and_grows(name: str) -> None:
    one = NETWORK_RECIPES[name]
    assert one.policy in POLICIES
    sizes = [stage.size for stage in one.stages]
    assert sizes == sorted(sizes)
    assert one.input_size == sizes[-1]


def test_a_recipe_tells_what_its_training_goes_through() -> None:
    stages = (Stage(48, 2, 16), Stage(64, 1, 8))
    changed = NETWORK_RECIPES["starter-cpu"].with_changes(stages=stages, heads=["age"])
    assert changed.phases == ("crops", "1: 48 px", "2: 64 px", "calibration")
    assert [head.name for head in changed.heads] == ["age"]


def test_dropout_is_trained_with_and_not_kept() -> None:
    one = NETWORK_RECIPES["starter-cpu"]
    assert all(head.layers[0] == {"dropout": one.dropout} for head in one.trained_heads)
    assert not any("dropout" in layer for head in one.heads for layer in head.layers)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stages": ()}, "at least one stage"),
        ({"stages": (Stage(32, 1, 8),)}, "size must lie between 48 and 512"),
        ({"stages": (Stage(64, 1, 1),)}, "batch must lie between 2"),
        ({"learning_rate": float("nan")}, "learning_rate must lie"),
        ({"average": 1.0}, "average must lie"),
        ({"loss_weights": {"age": 1, "gender": 1}}, "race head needs a weight"),
        ({"heads": ["hair"]}, "no head hair"),
        ({"epohcs": 3}, "epohcs"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        NETWORK_RECIPES["starter-cpu"].with_changes(**changes)


def test_the_decks_heads_do_not_fit_a_backbone_of_any_size() -> None:
    one = NETWORK_RECIPES["starter-cpu"]
    record = {**one.as_json(), "heads": {head.name: head.as_json() for head in classic_heads()}}
    with pytest.raises(RecipeInvalid, match="max_mean"):
        NetworkRecipe.from_json(record)


@pytest.mark.parametrize(
    "damage",
    [
        {"heads": None},
        {"stages": [[64, 1]]},
        {"stages": 3},
        {"augmentation": {"colour": 1}},
        {"augmentation": {"smallest": 1.1, "largest": 0.9}},
        {"colour": "blue"},
        {"loss_weights": None},
    ],
)
def test_a_damaged_record_is_no_recipe(damage: dict[str, Any]) -> None:
    with pytest.raises(RecipeInvalid):
        NetworkRecipe.from_json({**NETWORK_RECIPES["starter-cpu"].as_json(), **damage})


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeInvalid, match="full, starter-cpu, continue-cpu, starter-gpu"):
        named("deluxe")
