"""After calibration, what a head claims is what happens on images it has not seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vision.calibration import calibrate
from vision.dataset import Labels
from vision.heads import HeadSpec, class_probabilities, read_estimates, sharpen
from vision.labels import GENDERS, RACES
from vision.losses import head_truth
from vision.recipes import recipe
from vision.types import AgeEstimate

RNG = np.random.default_rng(7)
FULL = {head.name: head for head in recipe("full").heads}
CLASSIC = {head.name: head for head in recipe("classic").heads}


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


def coverage(spec: HeadSpec, outputs: NDArray[np.float32], truth: NDArray[np.int32]) -> float:
    found = [one for one in read_estimates(spec, outputs) if isinstance(one, AgeEstimate)]
    inside = [
        one.low <= age <= one.high
        for one, age in zip(found, truth, strict=True)
        if one.low is not None and one.high is not None
    ]
    assert len(inside) == len(truth)
    return float(np.mean(inside))


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_overconfidence(overconfidence: float) -> None:
    honest = softmax(RNG.normal(0, 2, (20_000, 5)))
    claimed = sharpen(honest, 1 / overconfidence).astype(np.float32)
    spec = calibrate(FULL["race"], claimed, drawn(honest))
    assert spec.temperature == pytest.approx(overconfidence, rel=0.05)


def test_a_calibrated_gender_is_right_as_often_as_it_says() -> None:
    honest = RNG.uniform(0.02, 0.98, (20_000, 1))
    claimed = sharpen(np.hstack([1 - honest, honest]), 0.4)[:, 1:].astype(np.float32)
    truth = (RNG.random(20_000) < honest[:, 0]).astype(np.int32)
    spec = calibrate(FULL["gender"], claimed, truth)
    female = class_probabilities(spec, claimed)[:, 1]
    sure = (female > 0.7) & (female < 0.9)
    assert truth[sure].mean() == pytest.approx(female[sure].mean(), abs=0.02)


@pytest.mark.parametrize("claimed_sigma", [4.0, 8.0, 15.0])
def test_a_distribution_of_ages_is_sharpened_to_its_true_width_and_never_flattened(
    claimed_sigma: float,
) -> None:
    """Curves of 4, 8 and 15 years around ages that lie 8 years about them."""
    centres = RNG.uniform(35, 65, 6000)
    truth = (centres + RNG.normal(0, 8, 6000)).round().clip(0, 100).astype(np.int32)
    spec = calibrate(FULL["age"], bell_curves(centres, claimed_sigma), truth)
    assert spec.temperature == pytest.approx(min(1.0, (8 / claimed_sigma) ** 2), rel=0.08)


@pytest.mark.parametrize("claimed_sigma", [4.0, 8.0, 15.0])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_an_interval_between_quantiles_covers_what_it_claims(
    claimed_sigma: float, share: float
) -> None:
    centres = RNG.uniform(5, 95, 6000)
    truth = (centres + RNG.normal(0, 8, 6000)).round().clip(0, 100).astype(np.int32)
    outputs = bell_curves(centres, claimed_sigma)
    head = HeadSpec("age", "max_mean", FULL["age"].layers, "distribution", coverage=share)
    spec = calibrate(head, outputs[:3000], truth[:3000])
    assert coverage(spec, outputs[3000:], truth[3000:]) == pytest.approx(share, abs=0.03)


def test_an_interval_around_a_scalar_covers_what_it_claims_and_may_lean() -> None:
    years = RNG.uniform(10, 80, 6000).astype(np.float32)
    truth = (years + RNG.gamma(2, 5, 6000) - 6).round().astype(np.int32)
    spec = calibrate(CLASSIC["age"], years[:3000, None], truth[:3000])
    assert coverage(spec, years[3000:, None], truth[3000:]) == pytest.approx(0.8, abs=0.03)
    assert spec.residuals is not None
    assert spec.residuals[1] > 2 * abs(spec.residuals[0])


def test_very_few_examples_give_the_widest_interval_seen() -> None:
    spec = calibrate(
        CLASSIC["age"], np.full((3, 1), 30, np.float32), np.array([10, 30, 60], np.int32)
    )
    assert spec.residuals == (-19.5, 29.5)


def test_a_calibrated_head_can_be_written_to_a_manifest() -> None:
    outputs = softmax(RNG.normal(0, 1, (50, 5))).astype(np.float32)
    spec = calibrate(FULL["race"], outputs, drawn(outputs.astype(np.float64)))
    assert HeadSpec.from_json("race", spec.as_json()) == spec


def test_the_truth_of_a_head_is_in_its_own_terms() -> None:
    labels = [Labels(116, 1, 0), Labels(7, 0, 4)]
    ages, known = head_truth(FULL["age"], labels)
    assert (ages.tolist(), known.tolist()) == ([100, 7], [True, True])
    assert head_truth(CLASSIC["age"], labels)[0].tolist() == [116, 7]
    assert head_truth(FULL["gender"], labels)[0].tolist() == [GENDERS.index("female"), 0]
    races, known = head_truth(CLASSIC["race"], labels)
    assert (races.tolist(), known.tolist()) == ([0, 0], [True, False])
    assert head_truth(FULL["race"], labels)[0].tolist() == [0, RACES.index("others")]
