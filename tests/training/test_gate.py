"""What would get worse is said before a version takes over, and nothing else is."""

from typing import Any

import pytest

from tests.training.reports import HEADS, group, metrics
from training import gate
from training.models import ModelVersion


def version(pk: int, found: dict[str, Any], heads: dict[str, Any] = HEADS) -> ModelVersion:
    manifest = {"metrics": found, "heads": heads}
    return ModelVersion(pk=pk, name=f"v{pk}", manifest=manifest, report={"metrics": found})


def warned(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    return gate.warnings(version(2, new), version(1, old))


def test_nothing_is_said_of_an_equal_a_better_or_a_first_version() -> None:
    assert warned(metrics(), metrics()) == []
    better = {"age_mae": 3.0, "gender_accuracy": 0.99}
    assert warned(metrics(**better, groups=[group() | better]), metrics()) == []
    assert gate.warnings(version(1, metrics(age_mae=90.0)), None) == []
    assert gate.warnings(version(1, {}), version(1, metrics())) == []


@pytest.mark.parametrize(
    ("figure", "slightly", "clearly"),
    [
        ("age_mae", 5.19, 5.21),
        ("gender_accuracy", 0.891, 0.889),
        ("race_accuracy", 0.786, 0.784),
        ("race3_accuracy", 0.921, 0.919),
    ],
)
def test_an_overall_figure_may_fall_by_its_margin(
    figure: str, slightly: float, clearly: float
) -> None:
    assert warned(metrics(**{figure: slightly}), metrics()) == []
    (sentence,) = warned(metrics(**{figure: clearly}), metrics())
    assert f"{clearly:.3f} instead of {metrics()[figure]:.3f}" in sentence


@pytest.mark.parametrize(
    ("figure", "slightly", "clearly"),
    [
        ("age_mae", 6.49, 6.51),
        ("gender_accuracy", 0.801, 0.799),
        ("race_accuracy", 0.701, 0.699),
    ],
)
def test_a_group_may_fall_by_a_wider_margin(figure: str, slightly: float, clearly: float) -> None:
    assert warned(metrics(groups=[group() | {figure: slightly}]), metrics()) == []
    (sentence,) = warned(metrics(groups=[group() | {figure: clearly}]), metrics())
    assert f"White, male, 20-29 ({clearly:.3f}; {group()[figure]:.3f})" in sentence


def test_groups_that_lose_share_one_sentence_and_the_others_are_not_named() -> None:
    races = ("white", "black", "asian")
    old = metrics(groups=[group(race) for race in races])
    new = metrics(groups=[group("white", age_mae=9.0), group("black", age_mae=9.0), group("asian")])
    (sentence,) = warned(new, old)
    assert "White, male" in sentence
    assert "Black, male" in sentence
    assert "Asian" not in sentence


@pytest.mark.parametrize(("now", "before"), [(49, 60), (60, 49)])
def test_a_group_too_small_in_either_is_not_judged(now: int, before: int) -> None:
    new = metrics(groups=[group(n=now, age_mae=20.0)])
    assert warned(new, metrics(groups=[group(n=before)])) == []


def test_a_group_that_only_one_of_them_has_is_not_judged() -> None:
    assert warned(metrics(groups=[group("asian", age_mae=20.0)]), metrics()) == []


def test_what_the_new_version_cannot_do_any_more_is_named() -> None:
    heads = {name: head for name, head in HEADS.items() if name != "gender"}
    (sentence,) = gate.warnings(
        version(2, metrics(gender_accuracy=None, groups=[]), heads), version(1, metrics())
    )
    assert "does not estimate the gender" in sentence


def test_fewer_race_labels_are_named_and_compared_by_what_both_know() -> None:
    three = HEADS | {"race": {"output": "classes", "labels": ["white", "black", "asian"]}}
    new = metrics(race_accuracy=0.2, groups=[group(race_accuracy=0.2)])
    (sentence,) = gate.warnings(version(2, new, three), version(1, metrics()))
    assert "Indian, Others" in sentence
    # The other way round nothing is lost.
    assert gate.warnings(version(2, new), version(1, metrics(), three)) == []
    worse = gate.warnings(version(2, metrics(race3_accuracy=0.5), three), version(1, metrics()))
    assert any("0.500 instead of 0.930" in sentence for sentence in worse)


def test_a_version_that_nobody_measured_does_not_pass() -> None:
    (sentence,) = warned({}, metrics())
    assert "not measured" in sentence


def test_the_report_counts_where_the_manifest_says_otherwise() -> None:
    candidate = version(2, metrics(age_mae=9.0))
    candidate.manifest = {"metrics": metrics(), "heads": HEADS}
    assert len(gate.warnings(candidate, version(1, metrics()))) == 1


def test_what_limits_a_comparison_is_remarked_but_does_not_warn() -> None:
    bare = version(1, metrics(groups=[]))
    same, other = version(2, metrics()), version(3, metrics(groups=[group(n=61)]))
    assert gate.remarks(version(4, metrics()), same) == []
    (different,) = gate.remarks(other, same)
    assert "different images" in different
    assert any("“v1” has no figures by group" in remark for remark in gate.remarks(same, bare))
    assert gate.warnings(same, bare) == []
