"""Batches come in an order that the seed decides, can be gone on with, and say what both say where
two examples are blended."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vision.data.utkface import utkface_labels
from vision.heads.losses import TargetValues
from vision.heads.targets import NothingToLearn, Targets
from vision.training.batches import FeatureBatches, FeatureRows, Order, ViewBatches
from vision.training.network_recipes import NETWORK_RECIPES, Augmentation

RECIPE = NETWORK_RECIPES["starter-cpu"]
ORDER = Order(seed=3, count=22, batch=4)
LABELS = [utkface_labels(age, age % 2, age % 5) for age in range(ORDER.count)]


def view_batches(epoch: int = 0, first: int = 0, mixup: float = 0.0) -> list[Any]:
    targets = Targets.of(RECIPE.heads, LABELS, {})
    batches = ViewBatches(ORDER, epoch, first, Augmentation(mixup=mixup), targets)
    return [batches[step] for step in range(len(batches))]


def assert_same(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other)
    for batch, again in zip(one, other, strict=True):
        for values, same in zip(batch, again, strict=True):
            assert values.keys() == same.keys()
            for name in values:
                np.testing.assert_array_equal(values[name], same[name])


def test_an_epoch_sees_every_example_once_and_the_right_labels() -> None:
    found = view_batches()
    assert len(found) == ORDER.steps == 5
    crops = np.concatenate([inputs["crop"] for inputs, _, _ in found])
    assert len(set(crops)) == len(crops) == ORDER.steps * ORDER.batch
    for inputs, targets, weights in found:
        assert (targets["age"][:, 0] == inputs["crop"]).all()
        assert (targets["gender"][:, 0] == inputs["crop"] % 2).all()
        assert (weights["race"] == 1).all()


def test_epochs_come_in_different_orders() -> None:
    assert (view_batches(epoch=0)[0][0]["crop"] != view_batches(epoch=1)[0][0]["crop"]).any()


def test_an_epoch_that_is_gone_on_with_sees_what_it_would_have_seen() -> None:
    assert_same(view_batches(2, mixup=0.3)[3:], view_batches(2, first=3, mixup=0.3))


def test_what_begins_another_epoch_gives_that_ones_batches() -> None:
    batches = ViewBatches(ORDER, 0, 0, Augmentation(), Targets.of(RECIPE.heads, LABELS, {}))
    batches.begin(2)
    assert_same([batches[step] for step in range(len(batches))], view_batches(2))


def test_blended_examples_say_what_both_say() -> None:
    for inputs, targets, _ in view_batches(mixup=1.0):
        first, second, share = targets["age"].T
        assert (share >= 0.5).all()
        assert (share == inputs["share"]).all()
        assert (first == inputs["crop"]).all()
        assert (second == inputs["crop"][inputs["partner"]]).all()


def test_features_come_with_the_labels_of_their_examples() -> None:
    index = np.random.default_rng(0).permutation(ORDER.count)
    values = np.zeros((ORDER.count, 1, 1, 2), np.float16)
    values[index, 0, 0, 0] = np.arange(ORDER.count)
    rows = FeatureRows(values, index, Targets.of(RECIPE.heads, LABELS, {}))
    batches = FeatureBatches(ORDER, 0, 1, rows)
    assert len(batches) == ORDER.steps - 1
    for step in range(len(batches)):
        features, targets, _ = batches[step]
        assert (features[:, 0, 0, 0] == targets["age"][:, 0]).all()


def test_rare_ages_count_more_and_the_mean_weight_stays() -> None:
    ages = np.random.default_rng(0).normal(30, 8, 3000).clip(0, 60).astype(int)
    crowd = [utkface_labels(int(age), 0, 0) for age in [*ages, 2, 85, 85]]
    head = RECIPE.heads[:1]
    assert head[0].name == "age"
    weights = Targets.of(head, crowd, {"age": 0.5}).weights["age"]
    usual = weights[ages.size // 2 : ages.size][ages[ages.size // 2 :] == 30].mean()
    assert weights[-1] > 3 * usual
    assert weights[-3] > 3 * usual
    assert weights.mean() == pytest.approx(1, rel=1e-3)
    assert (Targets.of(head, crowd, {}).weights["age"] == 1).all()


def test_examples_without_a_label_of_a_head_do_not_count() -> None:
    race = replace(RECIPE.heads[2], labels=("white", "black"))
    targets = Targets.of([race], LABELS, {})
    known: TargetValues = np.array([one["race"] < 2 for one in LABELS])
    assert ((targets.weights["race"] > 0) == known).all()
    with pytest.raises(NothingToLearn, match="race"):
        Targets.of([race], [utkface_labels(30, 0, 4)], {})
