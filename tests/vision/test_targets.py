"""What heads learn towards, and what they keep of how it was weighted."""

import pytest

from vision.data.utkface import utkface_labels
from vision.heads.targets import Targets, weighted_head
from vision.training.head_recipes import HEAD_RECIPES

HEADS = {head.name: head for head in HEAD_RECIPES["full"].heads}
# Sixteen white men, four white women, and one of "others".
PEOPLE = (
    [utkface_labels(30, 0, 0)] * 16 + [utkface_labels(30, 1, 0)] * 4 + [utkface_labels(30, 1, 4)]
)


def test_a_head_keeps_what_an_example_of_each_label_weighed() -> None:
    weights = Targets.of(list(HEADS.values()), PEOPLE, {"gender": 0.5, "race": 0.5}).weights
    gender = weighted_head(HEADS["gender"], PEOPLE, 0.5)
    assert gender.label_weights == pytest.approx(weights["gender"][[0, 16]], abs=1e-4)
    assert gender.label_weights[1] / gender.label_weights[0] == pytest.approx((16 / 5) ** 0.5, 1e-3)
    race = weighted_head(HEADS["race"], PEOPLE, 0.5)
    white, others = weights["race"][[0, 20]]
    # Nobody is of the labels between.
    assert race.label_weights == pytest.approx((white, 1, 1, 1, others), abs=1e-4)


def test_a_head_keeps_what_an_example_of_each_age_weighed() -> None:
    people = [utkface_labels(30, 0, 0)] * 16 + [utkface_labels(60, 0, 0)]
    weighed = Targets.of([HEADS["age"]], people, {"age": 0.5}).weights["age"]
    kept = weighted_head(HEADS["age"], people, 0.5).label_weights
    assert len(kept) == 101
    assert (kept[30], kept[60]) == pytest.approx(weighed[[0, 16]], abs=1e-4)
    # Ages that nobody has weigh as much as those around them.
    assert kept[45] == pytest.approx((kept[30] + kept[60]) / 2, abs=1e-4)
    assert (kept[0], kept[100]) == (kept[30], kept[60])


def test_scalars_and_heads_that_are_not_balanced_keep_none() -> None:
    scalar = HEAD_RECIPES["classic"].heads[0]
    assert weighted_head(scalar, PEOPLE, 0.5) == scalar
    assert weighted_head(HEADS["race"], PEOPLE, 0) == HEADS["race"]
