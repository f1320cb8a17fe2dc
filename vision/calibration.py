"""Making probabilities and intervals keep their word, by what validation shows. Pure NumPy."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .heads import HeadSpec, class_probabilities, sharpen
from .losses import Truth

_TEMPERATURES: NDArray[np.float64] = np.geomspace(0.1, 10, 461)  # steps of 1 %


def calibrate(spec: HeadSpec, outputs: NDArray[np.float32], truth: Truth) -> HeadSpec:
    """The head with the temperature, quantiles or residuals that suit held-out examples.

    `outputs` are the head's raw outputs, float32 (N, units), for examples it was not trained on;
    `truth` (N,) as `losses.head_truth` gives it. Probabilities get the temperature of the lowest
    negative log-likelihood (Guo et al., "On calibration of modern neural networks", ICML 2017);
    an age gets the interval that holds `spec.coverage` of the true ages. A distribution of ages is
    sharpened only: to flatten it would draw its expectation, the estimate, to the middle of all
    ages.
    """
    if spec.output == "scalar":
        return replace(spec, residuals=_residuals(outputs[:, 0], truth, spec.coverage))
    temperature = _temperature(spec, outputs, truth)
    if spec.output != "distribution":
        return replace(spec, temperature=temperature)
    sharpened = replace(spec, temperature=min(1.0, temperature))
    return replace(sharpened, quantiles=_quantiles(sharpened, outputs, truth))


def _temperature(spec: HeadSpec, outputs: NDArray[np.float32], truth: Truth) -> float:
    def surprise(temperature: float) -> float:
        shares = class_probabilities(replace(spec, temperature=temperature), outputs)
        return float(-np.log(shares[np.arange(len(truth)), truth]).mean())

    return round(float(min(_TEMPERATURES, key=surprise)), 4)


def _quantiles(spec: HeadSpec, outputs: NDArray[np.float32], truth: Truth) -> tuple[float, float]:
    """Symmetric quantiles by split conformal prediction, scored by the distribution function.

    An age lies between the quantiles q and 1 - q exactly where q is at most its score, the
    smaller of its two tails; so the n-th smallest score is the q that leaves n examples out.
    Chernozhukov et al., "Distributional conformal prediction", PNAS 2021.
    """
    cumulated = np.cumsum(sharpen(outputs, spec.temperature), axis=1)
    rows = np.arange(len(truth))
    below = np.where(truth > 0, cumulated[rows, truth - 1], 0.0)
    scores = np.sort(np.minimum(cumulated[rows, truth], 1 - below))
    q = scores[_rank(len(scores), 1 - spec.coverage)]
    low = round(float(np.clip(q, 1e-6, 0.5)), 6)
    return low, round(1 - low, 6)


def _residuals(years: NDArray[np.float32], truth: Truth, coverage: float) -> tuple[float, float]:
    """Years (low, high) around an estimate, as much left out on either side (split conformal:
    Lei et al., "Distribution-free predictive inference for regression", JASA 2018).

    The ends of an interval are rounded to whole years, which adds half a year on either side.
    """
    residuals = np.sort(truth - years.clip(0))
    outside = _rank(len(residuals), (1 - coverage) / 2)
    low, high = residuals[outside] + 0.5, residuals[-1 - outside] - 0.5
    return round(min(0.0, float(low)), 2), round(max(0.0, float(high)), 2)


def _rank(count: int, share: float) -> int:
    """The index of the sorted score that leaves at most `share` out, one more example counted."""
    return max(0, int((count + 1) * share) - 1)
