"""After calibration, what a head claims is what happens on images it has not seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vision.attributes import GENDER, RACE
from vision.data.utkface import utkface_labels
from vision.heads.ages import stretch_of
from vision.heads.calibration import calibrate
from vision.heads.losses import head_targets
from vision.heads.specs import (
    HeadSpec,
    expected_years,
    probabilities_of,
    read_estimates,
    sharpen,
    unstretched_ages,
)
from vision.training.head_recipes import HEAD_RECIPES
from vision.types import AgeEstimate

RNG = np.random.default_rng(7)
FULL = {head.name: head for head in HEAD_RECIPES["full"].heads}
CLASSIC = {head.name: head for head in HEAD_RECIPES["classic"].heads}


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def drawn(shares: NDArray[np.float64]) -> NDArray[np.int32]:
    """One class for each row, drawn by its probabilities."""
    below: NDArray[np.bool_] = shares.cumsum(axis=1) < RNG.random((len(shares), 1))
    chosen: NDArray[np.int32] = below.sum(axis=1).astype(np.int32).clip(0, shares.shape[1] - 1)
    return chosen


def bell_curves(centres: NDArray[np.float64], sigma: float) -> NDArray[np.float32]:
    ages = np.arange(101)
    return softmax(-((ages - centres[:, None]) ** 2) / (2 * sigma**2)).astype(np.float32)


def inside(
    spec: HeadSpec, outputs: NDArray[np.float32], labels: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which intervals hold the true age; all of them hold the estimate."""
    found = [one for one in read_estimates(spec, outputs) if isinstance(one, AgeEstimate)]
    held = [
        one.low <= age <= one.high
        for one, age in zip(found, labels, strict=True)
        if one.low is not None and one.high is not None and one.low <= one.years <= one.high
    ]
    assert len(held) == len(labels)
    return np.array(held)


def coverage(spec: HeadSpec, outputs: NDArray[np.float32], labels: NDArray[np.int32]) -> float:
    return float(inside(spec, outputs, labels).mean())


def harder_with_age(count: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Curves of 6 years about ages that lie 2 years around them under 20, 6 under 50, then 12."""
    centres = RNG.uniform(5, 85, count)
    sigma = np.select([centres < 20, centres < 50], [2.0, 6.0], 12.0)
    labels = (centres + RNG.normal(0, 1, count) * sigma).round().clip(0, 100).astype(np.int32)
    return bell_curves(centres, 6), labels


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_overconfidence(overconfidence: float) -> None:
    honest = softmax(RNG.normal(0, 2, (20_000, 5)))
    claimed = sharpen(honest, 1 / overconfidence).astype(np.float32)
    spec = calibrate(FULL["race"], claimed, drawn(honest))
    assert spec.temperature == pytest.approx(overconfidence, rel=0.05)


def test_a_calibrated_gender_is_right_as_often_as_it_says() -> None:
    honest = RNG.uniform(0.02, 0.98, (20_000, 1))
    claimed = sharpen(np.hstack([1 - honest, honest]), 0.4)[:, 1:].astype(np.float32)
    labels = (RNG.random(20_000) < honest[:, 0]).astype(np.int32)
    spec = calibrate(FULL["gender"], claimed, labels)
    female = probabilities_of(spec, claimed)[:, 1]
    sure = (female > 0.7) & (female < 0.9)
    assert labels[sure].mean() == pytest.approx(female[sure].mean(), abs=0.02)


@pytest.mark.parametrize("claimed_sigma", [4.0, 8.0, 15.0])
def test_a_distribution_of_ages_is_sharpened_to_its_true_width_and_never_flattened(
    claimed_sigma: float,
) -> None:
    """Curves of 4, 8 and 15 years around ages that lie 8 years about them."""
    centres = RNG.uniform(35, 65, 6000)
    labels = (centres + RNG.normal(0, 8, 6000)).round().clip(0, 100).astype(np.int32)
    spec = calibrate(FULL["age"], bell_curves(centres, claimed_sigma), labels)
    assert spec.temperature == pytest.approx(min(1.0, (8 / claimed_sigma) ** 2), rel=0.08)


@pytest.mark.parametrize("claimed_sigma", [4.0, 8.0, 15.0])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_an_interval_between_quantiles_covers_what_it_claims(
    claimed_sigma: float, share: float
) -> None:
    centres = RNG.uniform(5, 95, 6000)
    labels = (centres + RNG.normal(0, 8, 6000)).round().clip(0, 100).astype(np.int32)
    outputs = bell_curves(centres, claimed_sigma)
    head = HeadSpec("age", "max_mean", FULL["age"].layers, "distribution", coverage=share)
    spec = calibrate(head, outputs[:3000], labels[:3000])
    assert coverage(spec, outputs[3000:], labels[3000:]) == pytest.approx(share, abs=0.03)


def test_what_is_promised_holds_for_the_easy_and_for_the_hard() -> None:
    outputs, labels = harder_with_age(12_000)
    spec = calibrate(FULL["age"], outputs[:6000], labels[:6000])
    years = expected_years(spec, outputs[6000:])
    held = inside(spec, outputs[6000:], labels[6000:])
    for decade in range(1, 8):
        members = (10 * decade <= years) & (years < 10 * decade + 10)
        assert held[members].mean() == pytest.approx(0.8, abs=0.06), decade
    assert stretch_of(spec.bands, np.array([15.0]))[0] < 0.5
    assert stretch_of(spec.bands, np.array([75.0]))[0] > 1.6


def test_scalars_have_bands_too() -> None:
    outputs, labels = harder_with_age(12_000)
    years = (outputs @ np.arange(101)).astype(np.float32)[:, None]
    spec = calibrate(CLASSIC["age"], years[:6000], labels[:6000])
    held = inside(spec, years[6000:], labels[6000:])
    for low, high in ((10, 20), (20, 50), (50, 80)):
        members = (low <= years[6000:, 0]) & (years[6000:, 0] < high)
        assert held[members].mean() == pytest.approx(0.8, abs=0.04), low


def test_a_distribution_gives_its_interval_what_the_interval_holds() -> None:
    outputs, labels = harder_with_age(6000)
    spec = calibrate(FULL["age"], outputs, labels)
    ages = unstretched_ages(spec, outputs)
    ages = ages.stretched(stretch_of(spec.bands, ages.years))
    assert ages.probabilities is not None
    whole = np.arange(101)
    found = [one for one in read_estimates(spec, outputs) if isinstance(one, AgeEstimate)]
    low, high = (np.array([getattr(one, end) for one in found])[:, None] for end in ("low", "high"))
    given = np.where((low <= whole) & (whole <= high), ages.probabilities, 0).sum(axis=1)
    for hard in (False, True):
        members = (ages.years >= 50) == hard
        assert given[members].mean() == pytest.approx(0.8, abs=0.03)


def test_bands_with_too_few_faces_are_joined() -> None:
    centres = np.repeat([5.0, 15.0, 25.0, 35.0, 55.0, 95.0], [49, 1, 60, 30, 45, 5])
    labels = (centres + RNG.normal(0, 6, len(centres))).round().clip(0, 100).astype(np.int32)
    spec = calibrate(FULL["age"], bell_curves(centres, 6), labels)
    assert [band.start for band in spec.bands] == [0, 20, 30]
    few = calibrate(FULL["age"], bell_curves(centres[:3], 6), labels[:3])
    assert [band.start for band in few.bands] == [0]


def test_of_mean_and_median_the_nearer_to_the_truth_is_the_estimate() -> None:
    """Most look their age; one in five is taken for either of two ages far apart."""
    likelier = np.zeros((1000, 101), np.float32)
    likelier[:, 30], likelier[:, 80] = 0.75, 0.25
    mostly_thirty = np.where(np.arange(1000) % 4 == 0, 80, 30).astype(np.int32)
    spec = calibrate(FULL["age"], likelier, mostly_thirty)
    assert spec.point == "median"
    assert expected_years(spec, likelier) == pytest.approx(30, abs=0.5)
    between = np.full(1000, 43, np.int32)
    assert calibrate(FULL["age"], likelier, between).point == "mean"


def test_an_interval_around_a_scalar_covers_what_it_claims_and_may_lean() -> None:
    years = RNG.uniform(10, 80, 6000).astype(np.float32)
    labels = (years + RNG.gamma(2, 5, 6000) - 6).round().astype(np.int32)
    spec = calibrate(CLASSIC["age"], years[:3000, None], labels[:3000])
    assert coverage(spec, years[3000:, None], labels[3000:]) == pytest.approx(0.8, abs=0.03)
    assert spec.residuals is not None
    assert spec.residuals[1] > 2 * abs(spec.residuals[0])


def test_very_few_examples_give_the_widest_interval_seen() -> None:
    spec = calibrate(
        CLASSIC["age"], np.full((3, 1), 30, np.float32), np.array([10, 30, 60], np.int32)
    )
    assert spec.residuals == (-19.5, 29.5)


def weighted(shares: NDArray[np.float64], weights: tuple[float, ...]) -> NDArray[np.float32]:
    """What a head gives that learnt with such weights of the labels."""
    powered = shares * weights
    given: NDArray[np.float32] = (powered / powered.sum(axis=1, keepdims=True)).astype(np.float32)
    return given


def test_what_weights_in_training_did_to_probabilities_is_undone() -> None:
    honest = softmax(RNG.normal([1.5, 0.5, 0, 0, -0.7], 1.5, (4000, 5)))
    labels, weights = drawn(honest), (0.5, 0.8, 1.0, 1.0, 2.0)
    claimed = weighted(honest, weights)
    head = replace(FULL["race"], label_weights=weights)
    spec = calibrate(head, claimed[:2000], labels[:2000])
    undone = -np.log(weights)
    assert spec.biases == pytest.approx(undone - undone.mean(), abs=0.15)
    given = probabilities_of(spec, claimed[2000:])
    assert given.mean(axis=0) == pytest.approx(np.bincount(labels[2000:]) / 2000, abs=0.025)
    right = (given.argmax(axis=1) == labels[2000:]).mean()
    assert right > (claimed[2000:].argmax(axis=1) == labels[2000:]).mean()


def test_a_genders_weights_are_undone_too() -> None:
    women = RNG.beta(0.5, 1.5, 4000)
    honest = np.stack([1 - women, women], axis=1)
    claimed = weighted(honest, (0.3, 1.0))[:, 1:]
    head = replace(FULL["gender"], label_weights=(0.3, 1.0))
    spec = calibrate(head, claimed, drawn(honest))
    assert spec.biases[0] - spec.biases[1] == pytest.approx(-np.log(0.3), abs=0.15)


def test_what_weights_did_to_ages_is_undone_too() -> None:
    logits = -0.5 * ((np.arange(101) - RNG.uniform(15, 70, (4000, 1))) / 8) ** 2
    honest, weights = softmax(logits), tuple(np.exp(np.arange(101) / 40))
    ages, claimed = drawn(honest), weighted(honest, weights)
    spec = calibrate(replace(FULL["age"], label_weights=weights), claimed[:2000], ages[:2000])
    undone = -np.log(weights)
    assert spec.biases == pytest.approx(undone - undone.mean(), abs=0.15)
    plain = calibrate(FULL["age"], claimed[:2000], ages[:2000])
    errors = [expected_years(one, claimed[2000:]) - ages[2000:] for one in (spec, plain)]
    assert abs(errors[0].mean()) < 0.5
    assert errors[1].mean() > 1
    assert np.abs(errors[0]).mean() < np.abs(errors[1]).mean()


def test_weights_that_moved_nothing_are_not_undone() -> None:
    honest = softmax(RNG.normal(0, 2, (4000, 5)))
    head = replace(FULL["race"], label_weights=(0.5, 0.8, 1.0, 1.0, 2.0))
    spec = calibrate(head, honest.astype(np.float32), drawn(honest))
    assert np.abs(spec.biases or 0).max() < 0.11
    assert calibrate(FULL["race"], honest.astype(np.float32), drawn(honest)).biases == ()


def test_labels_that_are_all_alike_can_be_calibrated() -> None:
    outputs = softmax(RNG.normal(0, 1, (300, 5))).astype(np.float32)
    head = replace(FULL["race"], label_weights=(1, 1, 0.4, 1, 1))
    spec = calibrate(head, outputs, np.full(300, 2, np.int32))
    assert np.isfinite(probabilities_of(spec, outputs)).all()


def test_a_head_is_calibrated_anew_as_if_it_never_had_been() -> None:
    outputs, labels = harder_with_age(500)
    once = calibrate(FULL["age"], outputs, labels)
    assert calibrate(once, outputs, labels) == once
    honest = softmax(RNG.normal(0, 2, (500, 5)))
    shares, labels = weighted(honest, (0.2, 1, 1, 1, 5)), drawn(honest)
    once = calibrate(replace(FULL["race"], label_weights=(0.2, 1, 1, 1, 5)), shares, labels)
    assert once.biases
    assert calibrate(once, shares, labels) == once


def test_a_calibrated_head_can_be_written_to_a_manifest() -> None:
    honest = softmax(RNG.normal(0, 2, (500, 5)))
    head = replace(FULL["race"], label_weights=(0.2, 1, 1, 1, 5))
    race = calibrate(head, weighted(honest, (0.2, 1, 1, 1, 5)), drawn(honest))
    age = calibrate(FULL["age"], *harder_with_age(500))
    scalar = calibrate(
        CLASSIC["age"], np.full((90, 1), 30, np.float32), np.arange(90, dtype=np.int32)
    )
    assert race.biases
    for spec in (race, age, scalar):
        stored = json.loads(json.dumps(spec.as_json()))
        assert stored == spec.as_json()
        assert HeadSpec.from_json(spec.name, stored) == spec


def test_the_truth_of_a_head_is_in_its_own_terms() -> None:
    labels = [utkface_labels(116, 1, 0), utkface_labels(7, 0, 4)]
    ages, known = head_targets(FULL["age"], labels)
    assert (ages.tolist(), known.tolist()) == ([100, 7], [True, True])
    assert head_targets(CLASSIC["age"], labels)[0].tolist() == [116, 7]
    assert head_targets(FULL["gender"], labels)[0].tolist() == [GENDER.labels.index("female"), 0]
    races, known = head_targets(CLASSIC["race"], labels)
    assert (races.tolist(), known.tolist()) == ([0, 0], [True, False])
    assert head_targets(FULL["race"], labels)[0].tolist() == [0, RACE.labels.index("others")]
