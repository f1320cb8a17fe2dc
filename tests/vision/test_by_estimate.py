"""What an estimate is worth: how often it is right where a model says the same."""

from typing import Any

import numpy as np
import pytest

from tests.vision.oracle import says
from vision.data.utkface import utkface_labels
from vision.evaluation.by_estimate import by_estimate, smallest_around
from vision.evaluation.fairness import ENOUGH
from vision.evaluation.scores import collect
from vision.evaluation.uncertainty import mean_interval, share_interval
from vision.types import FaceAttributes

WOMAN, MAN = says(34, 0.9, white=1.0), says(52, 0.1, white=0.6, black=0.4)


def groups_of(*crops: tuple[Any, FaceAttributes]) -> list[dict[str, Any]]:
    return by_estimate(collect([labels for labels, _ in crops], [face for _, face in crops]))


def test_groups_go_by_what_was_said_not_by_what_is_so() -> None:
    """Sixty are said to be women in their thirties, of whom a dozen are men of fifty."""
    groups = groups_of(
        *[(utkface_labels(30, 1, 0), WOMAN)] * 48,
        *[(utkface_labels(50, 0, 1), WOMAN)] * 12,
        *[(utkface_labels(50, 0, 0), MAN)] * 70,
    )
    [women] = [one for one in groups if one.get("gender") == "female" and len(one) == 2]
    assert women["figures"]["gender_accuracy"]["n"] == 60
    assert women["figures"]["gender_accuracy"]["value"] == 0.8
    assert women["figures"]["race_accuracy"]["value"] == 0.8
    assert women["figures"]["age_mae"]["value"] == round((48 * 4 + 12 * 16) / 60, 4)
    [everybody] = [one for one in groups if set(one) == {"figures"}]
    assert everybody["figures"]["gender_accuracy"] == {
        "n": 130, "value": 0.9077, "interval": pytest.approx([0.8459, 0.9463], abs=1e-3),
    }  # fmt: skip


def test_a_face_gets_the_smallest_group_around_it_that_is_large_enough() -> None:
    young = says(25, 0.9, white=1.0)
    groups = groups_of(
        *[(utkface_labels(30, 1, 0), WOMAN)] * ENOUGH,
        *[(utkface_labels(25, 1, 0), young)] * (ENOUGH - 1),
        *[(utkface_labels(50, 0, 0), MAN)] * 60,
    )

    def found(**said: str) -> tuple[dict[str, str], int]:
        group = smallest_around(groups, said, "gender")
        assert group is not None
        return {k: v for k, v in group.items() if k != "figures"}, group["figures"][
            "gender_accuracy"
        ]["n"]

    labels, count = found(age="30-39", gender="female", race="white")
    assert labels["age"] == "30-39"
    assert count == ENOUGH
    # Of women in their twenties there is one too few, hence all women.
    assert found(age="20-29", gender="female", race="white") == (
        {"gender": "female"}, 2 * ENOUGH - 1,
    )  # fmt: skip
    # Where a head is switched off the others count.
    assert found(gender="male") == ({"gender": "male"}, 60)
    assert found(age="90+") == ({}, 2 * ENOUGH - 1 + 60)


def test_the_error_of_an_age_is_told_of_people_of_that_age_where_there_are_enough() -> None:
    groups: list[dict[str, Any]] = [
        {"figures": {"age_mae": {"n": 900}}},
        {"gender": "female", "race": "asian", "figures": {"age_mae": {"n": 60}}},
        {"age": "50-59", "figures": {"age_mae": {"n": 130}}},
    ]
    alike = {"gender": "female", "race": "asian"}
    for decade, n in (("50-59", 130), ("70-79", 60)):
        group = smallest_around(groups, {"age": decade, **alike}, "age")
        assert group is not None
        assert group["figures"]["age_mae"]["n"] == n


def test_what_a_model_says_nothing_of_has_no_group_and_no_figure() -> None:
    silent = FaceAttributes(classes={"gender": WOMAN.classes["gender"]})
    groups = groups_of(*[(utkface_labels(30, 1, 0), silent)] * ENOUGH)
    assert [set(one) for one in groups] == [{"figures"}, {"gender", "figures"}]
    assert [set(one["figures"]) for one in groups] == [{"gender_accuracy"}] * 2
    assert smallest_around(groups, {"gender": "female"}, "age") is None


def test_of_too_few_nothing_is_told() -> None:
    assert groups_of(*[(utkface_labels(30, 1, 0), WOMAN)] * (ENOUGH - 1)) == []
    assert groups_of() == []


def test_the_interval_of_a_share_is_wilsons() -> None:
    """81 of 263: the example of Newcombe, Statistics in Medicine 17, 1998, table I."""
    right = np.array([1.0] * 81 + [0.0] * 182)
    assert share_interval(right) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert share_interval(np.ones(60)) == pytest.approx((0.9398, 1.0), abs=1e-4)


def test_the_interval_of_a_mean_is_two_standard_errors_either_way() -> None:
    values = np.random.default_rng(0).exponential(5.0, 400)
    low, high = mean_interval(values)
    assert high - low == pytest.approx(2 * 1.96 * 5 / 20, rel=0.15)
    assert low < values.mean() < high
    assert mean_interval(np.array([0.0] * 59 + [1.0]))[0] == 0.0
