"""Batches come in an order that the seed decides, can be gone on with, and blend what they say."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vision.batches import Epoch, augmented_batches
from vision.dataset import Labels
from vision.losses import Truth
from vision.pretrain_recipe import Augmentation, PretrainRecipe, pretrain_recipe
from vision.targets import NothingToLearn, Targets, targets

RECIPE = pretrain_recipe("starter-cpu")
COUNT, BATCH = 22, 4


@pytest.fixture(scope="module")
def labels() -> list[Labels]:
    return [Labels(age, age % 2, age % 5) for age in range(COUNT)]


def batches(labels: list[Labels], recipe: PretrainRecipe = RECIPE, **place: int) -> list[Any]:
    """Crops whose colour is the age of who they show."""
    crops = (
        np.zeros((COUNT, 60, 60, 3), np.uint8)
        + np.arange(COUNT, dtype=np.uint8)[:, None, None, None]
    )
    epoch = Epoch(place.get("epoch", 0), 48, BATCH)
    with ThreadPoolExecutor(2) as pool:
        aims = targets(recipe.heads, labels, {})
        steps: Iterator[Any] = augmented_batches(
            crops, aims, recipe, epoch, first=place.get("first", 0), pool=pool, ahead=3
        )
        return list(steps)


def still(mixup: float = 0.0) -> PretrainRecipe:
    colourless = Augmentation(brightness=0, contrast=0, saturation=0, erase=0, mixup=mixup)
    return replace(RECIPE, augmentation=colourless)


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(one, other, strict=True):
        for x, y in zip(a[:1], b[:1], strict=True):
            assert (x == y).all()
        for name in a[1]:
            assert (a[1][name] == b[1][name]).all()
            assert (a[2][name] == b[2][name]).all()


def test_an_epoch_sees_every_example_once_and_the_right_labels(labels: list[Labels]) -> None:
    found = batches(labels, still())
    assert len(found) == COUNT // BATCH
    ages = np.concatenate([truth["age"][:, 0] for _, truth, _ in found])
    assert len(set(ages)) == len(found) * BATCH
    for crops, truth, _ in found:
        assert (np.abs(crops[:, 24, 24, 0].astype(float) - truth["age"][:, 0]) <= 1).all()


def test_epochs_come_in_different_orders(labels: list[Labels]) -> None:
    one, other = batches(labels, epoch=0), batches(labels, epoch=1)
    assert (one[0][1]["age"] != other[0][1]["age"]).any()


def test_an_epoch_that_is_gone_on_with_sees_what_it_would_have_seen(labels: list[Labels]) -> None:
    recipe = replace(RECIPE, augmentation=Augmentation(mixup=0.3))
    assert_same(batches(labels, recipe)[3:], batches(labels, recipe, first=3))


def test_blended_examples_say_what_both_say(labels: list[Labels]) -> None:
    for crops, truth, _ in batches(labels, still(mixup=1.0)):
        first, second, share = truth["age"].T
        assert (share >= 0.5).all()
        expected = share * first + (1 - share) * second
        assert (np.abs(crops[:, 24, 24, 0] - expected) <= 1).all()


def test_rare_ages_count_more_and_the_mean_weight_stays(labels: list[Labels]) -> None:
    ages = np.random.default_rng(0).normal(30, 8, 3000).clip(0, 60).astype(int)
    crowd = [Labels(int(age), 0, 0) for age in [*ages, 2, 85, 85]]
    head = RECIPE.heads[:1]
    assert head[0].name == "age"
    weights = targets(head, crowd, {"age": 0.5}).weights["age"]
    usual = weights[ages.size // 2 : ages.size][ages[ages.size // 2 :] == 30].mean()
    assert weights[-1] > 3 * usual
    assert weights[-3] > 3 * usual
    assert weights.mean() == pytest.approx(1, rel=1e-3)
    assert (targets(head, crowd, {}).weights["age"] == 1).all()


def test_examples_without_a_label_of_a_head_do_not_count(labels: list[Labels]) -> None:
    race = replace(RECIPE.heads[2], labels=("white", "black"))
    aims: Targets = targets([race], labels, {})
    known: Truth = np.array([one.race < 2 for one in labels])
    assert ((aims.weights["race"] > 0) == known).all()
    with pytest.raises(NothingToLearn, match="race"):
        targets([race], [Labels(30, 0, 4)], {})
