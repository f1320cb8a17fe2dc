"""Estimated ages: their quantiles, and intervals and distributions that are stretched alike."""

from dataclasses import replace

import numpy as np
import pytest

from vision.attributes import AGE_BINS, OLDEST_AGE
from vision.heads.ages import AgeBand, Ages, quantile, stretch_of
from vision.heads.specs import HeadSpec, classic_heads, read_estimates
from vision.types import AgeEstimate


def even(first: int, last: int) -> np.ndarray:
    """One distribution, of the whole years from `first` to `last` alike."""
    shares = np.zeros((1, 101))
    shares[0, first : last + 1] = 1 / (last - first + 1)
    return shares


def of(shares: np.ndarray) -> Ages:
    return Ages.of_distribution(shares, "median", (0.1, 0.9))


def one(ages: Ages) -> AgeEstimate:
    (estimate,) = ages.estimates(0.8)
    return estimate


def test_quantiles_lie_between_whole_years() -> None:
    shares = np.concatenate([even(20, 39), even(30, 30), even(0, 0)])
    assert quantile(shares, 0.5) == pytest.approx([29.5, 30, 0])
    assert quantile(shares, 0.1) == pytest.approx([21.5, 29.6, 0])
    assert quantile(shares, 1.0) == pytest.approx([39.5, 30.5, 0.5])


def test_the_interval_is_the_whole_years_between_its_ends() -> None:
    estimate = one(of(even(20, 39)))
    assert (estimate.low, estimate.years, estimate.high) == (22, 29.5, 37)
    # 16 of 20 years: they hold as much as the ends between which they lie.
    assert sum(even(20, 39)[0, 22:38]) == pytest.approx(0.8)


def test_no_age_is_less_likely_than_not_at_all() -> None:
    """Where the probabilities add up to a little more than 1."""
    shares = even(0, 39)
    assert shares.cumsum()[-1] > 1
    narrow = of(shares).stretched(np.array([0.5]))
    assert narrow.probabilities is not None
    assert narrow.probabilities.min() >= 0
    assert narrow.probabilities.sum() == pytest.approx(1)


def test_interval_and_distribution_are_stretched_about_the_estimate() -> None:
    narrow = of(even(45, 54))
    wide = narrow.stretched(np.array([3.0]))
    assert wide.years == narrow.years
    assert wide.years - wide.low == pytest.approx(3 * (narrow.years - narrow.low))
    assert wide.high - wide.years == pytest.approx(3 * (narrow.high - narrow.years))
    assert wide.probabilities is not None
    assert wide.probabilities.sum() == pytest.approx(1)
    # What ten years had, thirty have: 34.5 to 64.5.
    assert wide.probabilities[0, 35:65] == pytest.approx(1 / 30)
    for level, end in ((0.1, wide.low), (0.5, wide.years), (0.9, wide.high)):
        assert quantile(wide.probabilities, level) == pytest.approx(end)
    assert dict(one(wide).distribution)["50-59"] == pytest.approx(1 / 3)


def test_nothing_is_lost_beyond_the_first_and_the_last_year() -> None:
    for shares in (even(0, 9), even(91, 100)):
        wide = of(shares).stretched(np.array([8.0]))
        estimate = one(wide)
        assert estimate.low is not None
        assert 0 <= estimate.low <= estimate.years
        assert sum(share for _, share in estimate.distribution) == pytest.approx(1)
        assert [name for name, _ in estimate.distribution] == list(AGE_BINS)


@pytest.mark.parametrize("factor", [0.0, 0.01, 1.0, 20.0])
def test_an_interval_holds_its_estimate_however_narrow(factor: float) -> None:
    for shares in (even(0, 0), even(33, 34), even(0, 100), even(1, 1) / 2 + even(100, 100) / 2):
        estimate = one(of(shares).stretched(np.array([factor])))
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= estimate.years <= estimate.high


def test_from_the_least_stretch_on_an_age_is_inside() -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.full(101, 0.1), 400)
    ages, labels = of(shares), rng.integers(0, 101, 400).astype(np.int32)
    least = ages.least_stretch(labels)
    for factor, expected in ((least + 1e-6, True), (least * 0.999 - 1e-6, False)):
        found = ages.stretched(factor).estimates(0.8)
        held = [
            one.low <= age <= one.high
            for one, age in zip(found, labels, strict=True)
            if one.low is not None and one.high is not None
        ]
        assert len(held) == 400
        # Those next to the estimate are always held, and have a least stretch of nothing.
        assert (np.array(held) == (expected | (least == 0))).all()


def test_an_estimate_gets_the_factor_of_its_band() -> None:
    bands = (AgeBand(0, 0.5), AgeBand(20, 1.0), AgeBand(60, 1.5))
    years = np.array([0, 19.99, 20, 59, 60, 118])
    assert stretch_of(bands, years).tolist() == [0.5, 0.5, 1.0, 1.0, 1.5, 1.5]
    assert stretch_of(bands[:1], years).tolist() == [0.5] * 6


@pytest.mark.parametrize("years", [-1e9, -20.0, 119.7, 185.0, 1e9])
@pytest.mark.parametrize("residuals", [None, (-9.0, 300.0), (-300.0, 7.0)])
@pytest.mark.parametrize("bands", [(), (AgeBand(0, 1.0), AgeBand(60, 3.0))])
def test_no_head_estimates_an_age_that_no_face_has(
    years: float, residuals: tuple[float, float] | None, bands: tuple[AgeBand, ...]
) -> None:
    spec = replace(classic_heads()[0], residuals=residuals, bands=bands)
    [estimate] = read_estimates(spec, np.array([[years]], np.float32))
    assert isinstance(estimate, AgeEstimate)
    low = estimate.years if estimate.low is None else estimate.low
    high = estimate.years if estimate.high is None else estimate.high
    assert 0 <= low <= estimate.years <= high <= OLDEST_AGE


def test_a_distribution_over_impossible_years_ends_at_the_last_possible_one() -> None:
    shares = np.zeros((1, 200))
    shares[0, 185] = 1.0
    spec = HeadSpec("age", "max_mean", ({"dense": 200, "name": "Output"},), "distribution")
    banded = replace(spec, bands=(AgeBand(0, 1.0),))
    for one in (spec, banded):
        [estimate] = read_estimates(one, shares.astype(np.float32))
        assert isinstance(estimate, AgeEstimate)
        assert (estimate.years, estimate.high) == (OLDEST_AGE, OLDEST_AGE)
