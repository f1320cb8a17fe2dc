"""A report's figures are those one computes by hand."""

import json
from typing import Any

import pytest

from tests.vision.oracle import Oracle, crop, says
from vision.attributes import Labels
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import utkface_labels
from vision.evaluation.evaluate import evaluate
from vision.evaluation.fairness import ENOUGH
from vision.evaluation.report import describe, readings, report
from vision.evaluation.scores import collect
from vision.types import ClassEstimate, FaceAttributes


def described(*crops: tuple[Labels, FaceAttributes]) -> dict[str, Any]:
    return describe(collect([labels for labels, _ in crops], [face for _, face in crops]))


def test_the_same_scores_give_the_document_of_evaluate_and_the_rest_in_plain_json() -> None:
    answers = {10: says(30, 0.9, white=1.0), 20: says(50, 0.1, others=0.6, black=0.4)}
    files = [
        LabelledFile("a.png", crop(10), utkface_labels(34, 1, 0)),
        LabelledFile("b.png", crop(20), utkface_labels(41, 1, 1)),
        LabelledFile("c.png", b"broken", utkface_labels(41, 1, 1)),
    ]
    engine, told = Oracle(answers), list[int]()
    whole = report(engine, files, on_progress=told.append)
    assert engine.asked == sum(told) == readings(2)
    alone = evaluate(Oracle(answers), files)
    assert whole["metrics"] | {"seconds": 0} == alone | {"seconds": 0}
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole


def test_both_protocols_have_their_figures() -> None:
    right, male = says(30, 0.9, white=1.0), says(30, 0.1, white=1.0)
    protocols = described(
        (utkface_labels(20, 1, 0), right),  # too young for the second protocol, 10 years off
        (utkface_labels(21, 1, 0), male),  # 9 years off, gender wrong
        (utkface_labels(34, 1, 0), right),  # 4 years off
        (utkface_labels(60, 1, 4), right),  # 30 years off, race wrong
        (utkface_labels(61, 1, 0), right),  # too old
    )["protocols"]
    whole, middle = protocols["all_ages"], protocols["ages_21_60"]
    assert (whole["n"], middle["n"]) == (5, 3)
    assert middle["age_mae"] == round((9 + 4 + 30) / 3, 4)
    assert middle["age_bias"] == round((9 - 4 - 30) / 3, 4)
    assert middle["age_mse"] == round((81 + 16 + 900) / 3, 4)
    assert middle["age_rmse"] == round((997 / 3) ** 0.5, 4)
    assert middle["age_within_5"] == 0.3333
    assert middle["gender_accuracy"] == 0.6667
    assert middle["race_accuracy"] == 0.6667
    assert middle["race3_accuracy"] == 1.0
    assert whole["age_within_5"] == 0.2


def test_the_intervals_of_figures_are_as_wide_as_theory_says_and_always_the_same() -> None:
    right, wrong = says(30, 0.9, white=1.0), says(30, 0.1, white=1.0)
    crops = [(utkface_labels(30, 1, 0), right)] * 320 + [(utkface_labels(30, 1, 0), wrong)] * 80
    protocol = described(*crops)["protocols"]["all_ages"]
    low, high = protocol["intervals"]["gender_accuracy"]
    # 1.96 standard errors of a share of 0.8 in 400.
    assert low == pytest.approx(0.8 - 0.0392, abs=0.006)
    assert high == pytest.approx(0.8 + 0.0392, abs=0.006)
    assert protocol == described(*crops)["protocols"]["all_ages"]


def test_where_all_are_right_the_interval_still_says_how_few_they_are() -> None:
    right = utkface_labels(30, 1, 0), says(30, 0.9, white=1.0)
    ends = {n: described(*[right] * n)["protocols"]["all_ages"]["intervals"] for n in (28, 400)}
    # Wilson's of n of n: from n / (n + 1.96²) to 1.
    assert ends[28]["gender_accuracy"] == [pytest.approx(0.8794, abs=1e-4), 1.0]
    assert ends[400]["race_accuracy"] == [pytest.approx(0.9905, abs=1e-4), 1.0]


def test_the_interval_of_the_root_is_the_root_of_the_interval() -> None:
    crops = [(utkface_labels(age, 1, 0), says(30, 0.9, white=1.0)) for age in range(20, 60)]
    intervals = described(*crops)["protocols"]["all_ages"]["intervals"]
    assert intervals["age_rmse"] == [
        pytest.approx(end**0.5, abs=1e-3) for end in intervals["age_mse"]
    ]


def test_the_interval_of_a_bias_may_hold_zero() -> None:
    older, younger = says(33, 0.9, white=1.0), says(27, 0.9, white=1.0)
    protocol = described(
        *[(utkface_labels(30, 1, 0), older), (utkface_labels(30, 1, 0), younger)] * 200
    )
    low, high = protocol["protocols"]["all_ages"]["intervals"]["age_bias"]
    # 1.96 standard errors of a mean of 400 with a deviation of 3.
    assert (low, high) == (pytest.approx(-0.294, abs=0.05), pytest.approx(0.294, abs=0.05))


def test_confusions_count_labelled_against_estimated() -> None:
    confusion = described(
        (utkface_labels(30, 0, 0), says(30, 0.9, white=1.0)),
        (utkface_labels(30, 1, 1), says(30, 0.9, others=0.6, black=0.4)),
        (utkface_labels(30, 1, 4), says(30, 0.1, asian=1.0)),
    )["confusion"]
    assert confusion["gender"] == {"labels": ["male", "female"], "counts": [[0, 1], [1, 1]]}
    assert confusion["race"]["counts"] == [
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
    ]
    # Of three labels "black" is the likeliest; the crop labelled "others" does not take part.
    assert confusion["race3"]["labels"] == ["white", "black", "asian"]
    assert confusion["race3"]["counts"] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_age_errors_are_told_by_labelled_decade() -> None:
    ages = described(
        (utkface_labels(20, 0, 0), says(26, 0.1, white=1.0)),
        (utkface_labels(28, 0, 0), says(24, 0.1, white=1.0)),
        (utkface_labels(95, 0, 0), says(88.5, 0.1, white=1.0)),
    )["age"]
    by_decade = {decade.pop("age"): decade for decade in ages["by_decade"]}
    assert by_decade["20-29"] == {"n": 2, "bias": 1.0, "mae": 5.0}
    assert by_decade["90+"] == {"n": 1, "bias": -6.5, "mae": 6.5}
    assert by_decade["30-39"] == {"n": 0, "bias": None, "mae": None}
    assert ages["points"] == [[20, 26.0], [28, 24.0], [95, 88.5]]
    assert ages["counts"][2][2] == 2
    assert ages["counts"][9][8] == 1
    assert sum(map(sum, ages["counts"])) == 3


def test_points_are_a_sample_where_there_are_many() -> None:
    crops = [(utkface_labels(n % 100, 0, 0), says(n / 30, 0.1, white=1.0)) for n in range(2000)]
    points = described(*crops)["age"]["points"]
    assert len(points) == 1000
    assert points == described(*crops)["age"]["points"]
    assert len({age for age, _ in points}) > 90


def test_intervals_are_held_to_their_promise() -> None:
    interval = described(
        (utkface_labels(30, 0, 0), says(33, 0.1, white=1.0)),  # 28 to 38
        (utkface_labels(39, 0, 0), says(33, 0.1, white=1.0)),  # one year too old
        (utkface_labels(40, 0, 0), says(35, 0.1, white=1.0)),  # 30 to 40 holds its own end
    )["interval"]
    assert (interval["promised"], interval["coverage"]) == (0.8, 0.6667)
    assert interval["mean_width"] == 10
    by_decade = {decade["age"]: decade for decade in interval["by_decade"]}
    assert by_decade["30-39"]["coverage"] == 0.5
    assert by_decade["40-49"]["coverage"] == 1.0
    assert by_decade["50-59"]["coverage"] is None
    estimated = {decade.pop("age"): decade for decade in interval["by_estimated_decade"]}
    assert estimated["30-39"] == {"n": 3, "coverage": 0.6667, "mean_width": 10.0}
    assert estimated["40-49"] == {"n": 0, "coverage": None, "mean_width": None}


def test_reliability_sets_confidence_against_accuracy() -> None:
    man = utkface_labels(30, 0, 0)
    reliability = described(
        (man, says(30, 0.05, white=0.97)),  # 0.95 sure and right
        (man, says(30, 0.95, white=1.0)),  # 0.95 sure and wrong
        (man, says(30, 0.35, white=1.0)),  # 0.65 sure and right
    )["reliability"]
    gender = reliability["gender"]
    used = {one["low"]: one for one in gender["bins"] if one["n"]}
    assert used[0.9] == {"low": 0.9, "high": 1.0, "n": 2, "confidence": 0.95, "accuracy": 0.5}
    assert used[0.6]["accuracy"] == 1.0
    # (2 · |0.95 - 0.5| + 1 · |0.65 - 1|) / 3
    assert gender["expected_calibration_error"] == pytest.approx(0.4167, abs=1e-4)
    # A confidence of exactly one has a bin too.
    assert reliability["race"]["bins"][9]["n"] == 3


def test_figures_by_group_come_with_how_far_they_may_be_off() -> None:
    def people(count: int, race: int, years: float) -> list[Any]:
        return [(utkface_labels(30, 0, race), says(years, 0.0, white=1.0))] * count

    groups = described(*people(40, 0, 32), *people(40, 0, 36), *people(10, 1, 33))["by_group"]
    found = {(*(set(group) & {"race", "gender", "age"}), group["n"]): group for group in groups}
    white, black = found["race", 80], found["race", 10]
    assert (white["race"], white["age_mae"], white["race_accuracy"]) == ("white", 4.0, 1.0)
    low, high = white["intervals"]["age_mae"]
    # Of 80 errors, half 2 and half 6, the mean is uncertain by 1.96 · 2 / √80 = 0.44.
    assert (low, high) == (pytest.approx(3.56, abs=0.1), pytest.approx(4.44, abs=0.1))
    assert black["intervals"]["age_mae"] == [3.0, 3.0]
    assert [group["age"] for group in groups if "age" in group] == ["30-39"]
    assert sum(group["n"] for group in groups if "gender" in group) == 90


def test_gaps_name_the_groups_that_fare_best_and_worst() -> None:
    def people(count: int, gender: int, race: int, years: float) -> list[Any]:
        right = {"white": 1.0} if race == 0 else {"black": 1.0}
        return [(utkface_labels(30, gender, race), says(years, float(gender), **right))] * count

    gaps = described(
        *people(ENOUGH, 0, 0, 32),  # white men: 2 years off
        *people(ENOUGH, 1, 0, 36),  # white women: 6
        *people(ENOUGH, 1, 1, 33),  # black women: 3
        *people(ENOUGH - 1, 0, 1, 50),  # black men: 20, but too few of them
    )["gaps"]
    found = {(tuple(gap["by"]), gap["figure"]): gap for gap in gaps}
    both = found[("race", "gender"), "age_mae"]
    assert both["gap"] == 4
    assert both["best"] == {"race": "white", "gender": "male", "n": ENOUGH, "value": 2.0}
    assert both["worst"] == {"race": "white", "gender": "female", "n": ENOUGH, "value": 6.0}
    # By one label alone the twenty years count.
    assert found[("race",), "age_mae"]["worst"]["race"] == "black"
    assert found[("gender",), "gender_accuracy"]["gap"] == 0
    # A bias has no best group: it is told by group, not as a gap.
    assert {gap["figure"] for gap in gaps} == {"age_mae", "gender_accuracy", "race_accuracy"}


def test_an_accuracy_is_better_when_it_is_higher() -> None:
    crops = [(utkface_labels(30, 0, 0), says(30, 0.1, white=1.0))] * ENOUGH
    crops += [(utkface_labels(30, 1, 0), says(30, 0.1, white=1.0))] * ENOUGH
    gap = next(gap for gap in described(*crops)["gaps"] if gap["figure"] == "gender_accuracy")
    assert (gap["best"]["gender"], gap["worst"]["gender"], gap["gap"]) == ("male", "female", 1)


def test_silent_heads_and_no_crops_give_no_figures() -> None:
    for found in (described((utkface_labels(30, 0, 0), FaceAttributes())), described()):
        assert found["age"] is found["interval"] is None
        assert set(found["confusion"].values()) == set(found["reliability"].values()) == {None}
        assert found["gaps"] == []
        assert found["protocols"]["all_ages"]["age_mae"] is None
        assert found["protocols"]["all_ages"]["intervals"]["age_rmse"] is None
        json.dumps(found, allow_nan=False)


def test_a_model_of_three_races_is_wrong_about_the_others() -> None:
    three = FaceAttributes(
        classes={"race": ClassEstimate({"white": 0.2, "black": 0.3, "asian": 0.5})}
    )
    protocol = described((utkface_labels(30, 0, 2), three), (utkface_labels(30, 0, 3), three))[
        "protocols"
    ]
    assert protocol["all_ages"]["race_accuracy"] == 0.5
    assert protocol["all_ages"]["race3_accuracy"] == 1.0
