"""Estimated ages with their intervals, and how calibration stretches both. Pure NumPy.

A distribution is the probabilities (N, ages) of the whole years 0, 1, 2, …. Between these a year's
probability lies evenly from half a year below it to half a year above, so that quantiles are
fractions of years.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE_BINS, OLDEST_AGE, age_bin
from vision.types import AgeEstimate

Point = Literal["mean", "median"]
Years = NDArray[np.float64]

_NARROWEST = 0.01  # years or factor: what nothing is divided by less than


@dataclass(frozen=True)
class AgeBand:
    """The estimates from `start` years up to the next band's start, and the factor by which their
    distributions and intervals are stretched about them."""

    start: float
    stretch: float


@dataclass(frozen=True)
class Ages:
    """N estimated ages: `years`, and the ends `low` and `high` of their intervals, float64 (N,).

    `probabilities` (N, ages) are their distributions, None where the head gives a scalar.
    """

    years: Years
    low: Years
    high: Years
    probabilities: NDArray[np.float64] | None = None

    @classmethod
    def of_distribution(
        cls, probabilities: NDArray[np.float64], point: Point, quantiles: tuple[float, float]
    ) -> "Ages":
        """The mean or the median of each distribution, and the interval between two quantiles."""
        low, high = (quantile(probabilities, level) for level in quantiles)
        return cls(point_estimate(probabilities, point), low, high, probabilities)

    def stretched(self, factors: Years) -> "Ages":
        """Distributions and intervals `factors` (N,) times as wide, about the estimates."""
        factors = np.maximum(factors, _NARROWEST)
        given = self.probabilities
        return replace(
            self,
            low=self.years - factors * (self.years - self.low).clip(0),
            high=self.years + factors * (self.high - self.years).clip(0),
            probabilities=None if given is None else _stretched(given, self.years, factors),
        )

    def least_stretch(self, labelled: NDArray[np.int32]) -> Years:
        """The factor (N,) from which on each interval holds the labelled age (N,).

        The scaled conformity score "CQR-m" of Kivaranovic et al., "Adaptive, distribution-free
        prediction intervals for deep networks", AISTATS 2020. It is 0 for the whole years next to
        the estimate, which every interval holds.
        """
        below = (self.years - labelled) / np.maximum(self.years - self.low, _NARROWEST)
        above = (labelled - self.years) / np.maximum(self.high - self.years, _NARROWEST)
        nearest = (np.floor(self.years) <= labelled) & (labelled <= np.ceil(self.years))
        return np.where(nearest, 0.0, np.maximum(below, above))

    def estimates(self, coverage: float) -> list[AgeEstimate]:
        """One estimate an age, its interval the whole years between the ends, and at least those
        next to the estimate; all within 0 to OLDEST_AGE.

        Whole years between the ends hold what the ends hold, on average: to round outwards would
        add a year to every interval.
        """
        within = self.years.clip(0, OLDEST_AGE)
        low = np.minimum(np.ceil(self.low), np.floor(within)).clip(0)
        high = np.maximum(np.floor(self.high), np.ceil(within)).clip(max=OLDEST_AGE)
        rows: Sequence[NDArray[np.float64] | None]
        rows = [None] * len(low) if self.probabilities is None else list(self.probabilities)
        return [
            AgeEstimate(float(years), int(first), int(last), coverage, by_decade(row))
            for years, first, last, row in zip(within, low, high, rows, strict=True)
        ]


def stretch_of(bands: Sequence[AgeBand], years: Years) -> Years:
    """The factor of the band in which each estimate (N,) lies."""
    starts = [band.start for band in bands[1:]]
    factors = np.array([band.stretch for band in bands])
    found: Years = factors[np.searchsorted(starts, years, side="right")]
    return found


def point_estimate(probabilities: NDArray[np.float64], point: Point) -> Years:
    """The mean or the median (N,) of distributions (N, ages), in years."""
    if point == "median":
        return quantile(probabilities, 0.5)
    years: Years = probabilities @ np.arange(probabilities.shape[1])
    return years


def quantile(probabilities: NDArray[np.float64], level: float) -> Years:
    """The age (N,), 0 at least, under which `level` of each distribution (N, ages) lies."""
    cumulated = np.cumsum(probabilities, axis=1)
    last = np.minimum((cumulated < level).sum(axis=1), probabilities.shape[1] - 1)
    rows = np.arange(len(probabilities))
    of_last = probabilities[rows, last]
    within = (level - (cumulated[rows, last] - of_last)) / np.maximum(of_last, 1e-12)
    found: Years = (last - 0.5 + within.clip(0, 1)).clip(0, probabilities.shape[1] - 1)
    return found


def mean_age(
    probabilities: NDArray[np.float64], quantiles: tuple[float, float], coverage: float
) -> AgeEstimate:
    """Of a head without bands: the mean of one distribution (ages,), between two quantiles."""
    low, high = (int(age) for age in np.searchsorted(np.cumsum(probabilities), quantiles))
    oldest = min(len(probabilities) - 1, OLDEST_AGE)
    years = min(float(probabilities @ np.arange(len(probabilities))), float(oldest))
    return AgeEstimate(
        years=years,
        low=min(low, int(years)),
        high=max(min(high, oldest), int(np.ceil(years))),
        coverage=coverage,
        distribution=by_decade(probabilities),
    )


def scalar_age(years: float, residuals: tuple[float, float] | None, coverage: float) -> AgeEstimate:
    """Of a head without bands: years, and the residuals around them where there are any."""
    years = min(max(0.0, years), float(OLDEST_AGE))
    if residuals is None:
        return AgeEstimate(years, None, None, None)
    low, high = (min(max(0, round(years + offset)), OLDEST_AGE) for offset in residuals)
    return AgeEstimate(years, low, high, coverage)


def by_decade(probabilities: NDArray[np.float64] | None) -> tuple[tuple[str, float], ...]:
    """The probability of each of `AGE_BINS` in one distribution (ages,)."""
    if probabilities is None:
        return ()
    bins = dict.fromkeys(AGE_BINS, 0.0)
    for age, probability in enumerate(probabilities):
        bins[age_bin(age)] += float(probability)
    return tuple(bins.items())


def _stretched(
    probabilities: NDArray[np.float64], years: Years, factors: Years
) -> NDArray[np.float64]:
    """What would lie beyond the first or the last year is theirs."""
    edges = np.arange(probabilities.shape[1] + 1) - 0.5
    cumulated = np.zeros((len(probabilities), len(edges)))
    for row, of_year, year, factor in zip(cumulated, probabilities, years, factors, strict=True):
        before = year + (edges[1:-1] - year) / factor
        # Rounded, the sum of all may be over 1, and what follows negative.
        up_to = np.concatenate([[0.0], np.cumsum(of_year).clip(max=1)])
        row[1:-1] = np.interp(before, edges, up_to)
        row[-1] = 1.0
    return np.diff(cumulated, axis=1)
