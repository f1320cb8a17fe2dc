"""A model card says where a model comes from, how well it does for whom, and what it is not."""

from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from tests.training.reports import HEADS, group, made_report
from training.digits import three_digits
from training.registry.figures import DECK_METRICS
from training.reports.model_cards import model_card
from vision.evaluation.edits import EDITS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest() -> dict[str, Any]:
    return {
        "name": "full-7",
        "architecture": "vgg16",
        "input_size": 96,
        "heads": HEADS,
        "metrics": {"n": 120, "age_mae": 4.321},
        "data": {"dataset": "Faces", "fingerprint": "ab12", "counts": {"train": 900}},
        "training": {
            "recipe": {"name": "full", "epochs": 30, "heads": HEADS},
            "seed": 5,
            "history": {"age": [{"epoch": 1, "loss": 3.0}]},
        },
        "licence": "For research only.",
        "created_at": "2026-11-24T08:00:00+00:00",
    }


def test_it_tells_data_recipe_seed_and_licence(manifest: dict[str, Any]) -> None:
    card = model_card(manifest, made_report())
    for fact in (
        "# The model full-7", "96 × 96 pixels", "dataset: Faces", "fingerprint: ab12",
        "counts, train: 900", "recipe, name: full", "recipe, epochs: 30", "seed: 5",
        "2026-11-24", "For research only.", "(male, female)",
    ):  # fmt: skip
        assert fact in card
    # The losses of every epoch are no reading matter.
    assert "loss" not in card


def test_it_tells_when_a_head_looks_twice(manifest: dict[str, Any]) -> None:
    assert "once more" not in model_card(manifest, {})
    heads = {**HEADS, "gender": {**HEADS["gender"], "second_look": 0.8}}
    card = model_card({**manifest, "heads": heads}, {})
    assert "(male, female); unsure ones (under 0.8) are looked at once more, mirrored" in card


def test_it_sets_both_protocols_beside_the_deck(manifest: dict[str, Any]) -> None:
    lines = model_card(manifest, made_report()).splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("|")}
    assert rows["all ages"].split("|")[2].strip() == "120"
    assert "| 3.00 | +3.00 | 9.00 | 3.00 | 1.00 |" in rows["all ages"]
    assert rows["ages 21 to 60"].split("|")[2].strip() == "116"
    assert "| 3.00–3.00 | +3.00 … +3.00 |" in rows["all ages, 95% interval"]
    for figure in DECK_METRICS.values():
        assert three_digits(figure) in rows["baseline (the student deck)"]
    columns = {line.count("|") for line in lines if line.startswith(("| all", "| ages", "| the"))}
    assert len(columns) == 1


def test_it_tells_errors_by_group_and_whether_it_keeps_its_word(manifest: dict[str, Any]) -> None:
    card = model_card(manifest, made_report(400))
    assert "| White, male, 20-29 | 100 | 3.00 | +3.00 | 1.00 | 1.00 |" in card
    assert "best for White (3.00; 400 images)" in card
    assert "claims to hold 80% of the labelled ages and holds 100.0%" in card
    assert "By estimated decade it holds 20-29: 100.0%, 30-39: 100.0%" in card
    assert "gender: mean confidence 0.900, accuracy 1.00, expected calibration error 0.100" in card


def test_groups_are_told_by_each_label_alone(manifest: dict[str, Any]) -> None:
    """In a report of before, which has no intervals of them."""
    report = made_report(20)
    del report["by_group"]
    report["metrics"]["groups"] = [
        group(n=30, age_mae=2.0, age_bias=1.0, age="20-29"),
        group(n=10, age_mae=6.0, age_bias=-6.0, age="30-39", gender_accuracy=0.5),
        group(n=60, age_mae=4.0, age_bias=2.0, age="30-39", race="black", race_accuracy=None),
    ]
    card = model_card(manifest, report)
    assert "| White | 40 | 3.00 | -0.750 | 0.800 | 0.800 |" in card
    assert "| Black | 60 | 4.00 | +2.00 | 0.900 | – |" in card
    assert "| male | 100 | 3.60 | +0.900 | 0.860 | 0.800 |" in card
    assert "| 30-39 | 70 | 4.29 | +0.857 | 0.843 | 0.800 |" in card


def test_groups_come_with_how_far_their_figures_may_be_off(manifest: dict[str, Any]) -> None:
    report = made_report(20)
    (women,) = [one for one in report["by_group"] if one.get("gender") == "female"]
    low, high = women["intervals"]["age_mae"]
    row = f"| female | {women['n']} | {women['age_mae']:.2f} ({low:.2f}–{high:.2f}) |"
    assert row in model_card(manifest, report)


def test_a_report_of_before_biases_were_told_has_a_dash(manifest: dict[str, Any]) -> None:
    report = made_report(20)
    report["metrics"]["groups"] = [group(n=30)]  # as the versions before wrote them
    del report["by_group"]
    for protocol in report["protocols"].values():
        del protocol["age_bias"], protocol["intervals"]["age_bias"]
    card = model_card(manifest, report)
    assert "| all ages | 40 | 3.00 | – | 9.00 |" in card
    assert "| White | 30 | 5.00 | – | 0.900 | 0.800 |" in card


def test_it_tells_what_edits_do_where_that_was_measured(manifest: dict[str, Any]) -> None:
    report = made_report(20)
    with override("ko"):
        card = model_card(manifest, report)
    assert "when 77 images are edited" in card
    assert "| Blurred by 2 px of 200 | +2.00 | +1.50 | -0.010 | – |" in card
    assert card.count("| +2.00 | +1.50 |") == len(EDITS)
    del report["edits"]
    assert "edit" not in model_card(manifest, report)


def test_groups_by_all_three_labels_are_told_where_they_are_large_enough(
    manifest: dict[str, Any],
) -> None:
    card = model_card(manifest, made_report(20))
    assert "White, male" not in card
    assert "largest gaps" not in card  # no heading over nothing


def test_it_says_what_the_estimates_are_not(manifest: dict[str, Any]) -> None:
    card = model_card(manifest, made_report())
    assert "what an annotator of its dataset would have written" in card
    assert "must not decide anything about anybody" in card


def test_without_a_report_it_tells_what_the_manifest_knows(manifest: dict[str, Any]) -> None:
    card = model_card(manifest, {})
    assert "| all ages | 120 | 4.32 | – |" in card
    assert "No figures by group" in card


def test_it_is_in_english_whoever_downloads_it(manifest: dict[str, Any]) -> None:
    with override("ko"):
        assert "White, male" in model_card(manifest, made_report(400))


def test_the_readme_names_the_same_figures_of_the_deck() -> None:
    (row,) = [line for line in (ROOT / "README.md").read_text().splitlines() if "the deck," in line]
    for figure in DECK_METRICS.values():
        assert f"| {figure:g} |" in row
