"""How far figures measured on a sample may be off. Pure NumPy."""

from collections.abc import Mapping

import numpy as np

from .scores import Column

_RESAMPLES = 1000
_TAILS = (0.025, 0.975)
_DEVIATIONS = 1.96  # of a normal distribution, which hold 95% of it


def intervals(outcomes: Mapping[str, Column], *, seed: int = 0) -> dict[str, list[float] | None]:
    """The 95% interval [low, high] of the mean of each outcome (N,), None where all are NaN.

    Of a share, whose outcomes are 0 and 1, `share_interval`: resampling 28 crops that are all right
    would tell of 1.0 as if it were certain. Of others the percentile bootstrap.
    """
    resampled = _bootstrap_intervals(outcomes, seed)
    found: dict[str, list[float] | None] = {}
    for name, values in outcomes.items():
        known = values[~np.isnan(values)]
        if len(known) and np.isin(known, (0, 1)).all():
            found[name] = [round(end, 4) for end in share_interval(known)]
        else:
            found[name] = resampled[name]
    return found


def _bootstrap_intervals(
    outcomes: Mapping[str, Column], seed: int
) -> dict[str, list[float] | None]:
    """The percentile bootstrap over whole crops, 1,000 times (Efron and Tibshirani, "An
    introduction to the bootstrap", 1993, chapter 13); the same seed gives the same intervals."""
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


def share_interval(right: Column) -> tuple[float, float]:
    """The 95% interval of a share, by outcomes (N,) of 1 and 0, N > 0.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927:
    unlike the textbook's it is not empty where all are right.
    """
    count, share, z2 = len(right), float(right.mean()), _DEVIATIONS**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    spread = share * (1 - share) / count + z2 / (4 * count**2)
    off = _DEVIATIONS * float(np.sqrt(spread)) / (1 + z2 / count)
    return max(0.0, middle - off), min(1.0, middle + off)


def mean_interval(values: Column) -> tuple[float, float]:
    """The 95% interval of the mean of values (N,), N > 1, by the normal distribution that means of
    many have; of values of 0 and more it does not reach below 0."""
    mean, off = float(values.mean()), _DEVIATIONS * float(values.std(ddof=1)) / len(values) ** 0.5
    return (max(0.0, mean - off) if values.min() >= 0 else mean - off), mean + off
