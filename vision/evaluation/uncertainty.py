"""How far figures measured on a sample may be off. Pure NumPy."""

from collections.abc import Mapping

import numpy as np

from .scores import Column

_RESAMPLES = 1000
_TAILS = (0.025, 0.975)


def bootstrap_intervals(
    outcomes: Mapping[str, Column], *, seed: int = 0
) -> dict[str, list[float] | None]:
    """The 95 % interval [low, high] of the mean of each outcome (N,), None where all are NaN.

    The percentile bootstrap over whole crops, 1,000 times (Efron and Tibshirani, "An introduction
    to the bootstrap", 1993, chapter 13); the same seed gives the same intervals.
    """
    values = np.stack(list(outcomes.values()), axis=1)
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    count = len(values)
    random = np.random.default_rng(seed)
    means = np.full((_RESAMPLES, len(outcomes)), np.nan)
    for row in means:
        times = np.bincount(random.integers(0, max(count, 1), count), minlength=count)
        drawn = times @ known
        np.divide(times @ filled, drawn, out=row, where=drawn > 0)
    return {
        name: np.nanquantile(means[:, column], _TAILS).round(4).tolist()
        if known[:, column].any()
        else None
        for column, name in enumerate(outcomes)
    }
