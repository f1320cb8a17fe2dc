"""Making probabilities and intervals keep their word, by what validation shows. Pure NumPy."""

from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE_BINS

from .ages import AgeBand, Point, Years
from .losses import TargetValues
from .specs import HeadSpec, expected_years, probabilities_of, unstretched_ages

_TEMPERATURES: NDArray[np.float64] = np.geomspace(0.1, 10, 461)  # steps of 1%
_ENOUGH = 50  # with as many, the coverage of a band is uncertain by 5.7 points (one deviation)


def calibrate(spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues) -> HeadSpec:
    """The head with the temperature, biases or bands that suit held-out examples.

    `outputs` are the head's raw outputs, float32 (N, units), for examples it was not trained on;
    `targets` (N,) as `losses.head_targets` gives them. Probabilities get the temperature of the
    lowest negative log-likelihood (Guo et al., "On calibration of modern neural networks", ICML
    2017), and biases that undo the head's `label_weights`. An age gets, of mean and median, the
    estimate of the lower mean absolute error, and bands in each of which its interval holds
    `spec.coverage` of the true ages. A distribution of ages is sharpened only: to flatten it would
    draw its expectation to the middle of all ages.
    """
    spec = replace(spec, point="mean", bands=(), biases=())
    if spec.output == "scalar":
        around = replace(spec, residuals=_residuals(outputs[:, 0], targets, spec.coverage))
        return _in_bands(around, outputs, targets)
    spec = _likeliest(spec, outputs, targets)
    if spec.output != "distribution":
        return spec
    tail = round((1 - spec.coverage) / 2, 6)
    spec = replace(spec, quantiles=(tail, 1 - tail))
    return _in_bands(replace(spec, point=_point(spec, outputs, targets)), outputs, targets)


def _temperature(spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues) -> float:
    """By bisection: the negative log-likelihood is convex in what the logits are multiplied by.

    No higher than 1 for ages, as `calibrate` says.
    """

    def surprise(number: int) -> float:
        tempered = replace(spec, temperature=float(_TEMPERATURES[number]))
        return float(log_losses(tempered, outputs, targets).mean())

    low, high = 0, len(_TEMPERATURES) - 1
    while low < high:
        middle = (low + high) // 2
        if surprise(middle) <= surprise(middle + 1):
            high = middle
        else:
            low = middle + 1
    highest = 1.0 if spec.output == "distribution" else _TEMPERATURES[-1]
    return round(float(min(_TEMPERATURES[low], highest)), 4)


def log_losses(
    spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues
) -> NDArray[np.float64]:
    """The negative log-likelihood (N,) of what is true, by any head but a scalar, before bands."""
    probabilities = probabilities_of(spec, outputs)
    losses: NDArray[np.float64] = -np.log(probabilities[np.arange(len(targets)), targets])
    return losses


def _likeliest(spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues) -> HeadSpec:
    """Any head but a scalar with a temperature; and where training weighted labels or ages, with as
    much of these weights undone as makes the likelihood highest.

    Who learns with the weights w gives probabilities ∝ w p; -log w added to the logits makes them p
    again (Elkan, "The foundations of cost-sensitive learning", IJCAI 2001). A network that knows
    its training images by heart is moved less by weights than that.
    """
    undone = -np.log(spec.label_weights) if spec.label_weights else np.zeros(spec.classes)
    undone -= undone.mean()
    parts = np.linspace(0, 1, 11) if undone.any() else (0,)

    def fitted(part: float) -> HeadSpec:
        biases = tuple((part * undone).round(4).tolist()) if part else ()
        biased = replace(spec, biases=biases)
        return replace(biased, temperature=_temperature(biased, outputs, targets))

    return min(map(fitted, parts), key=lambda one: log_losses(one, outputs, targets).mean())


def _point(spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues) -> Point:
    def error(point: Point) -> float:
        years = expected_years(replace(spec, point=point), outputs)
        return float(np.abs(years - targets).mean())

    return min(get_args(Point), key=error)


def _in_bands(spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues) -> HeadSpec:
    """Stretched in each band of estimated ages by its own conformal quantile.

    Split conformal prediction by groups ("Mondrian": Vovk et al., "Algorithmic learning in a
    random world", 2005, section 4.5): what an interval promises holds in every band, not only over
    all of them.
    """
    ages = unstretched_ages(spec, outputs)
    scores, starts = ages.least_stretch(targets), _starts(ages.years)
    band = np.searchsorted(starts[1:], ages.years, side="right")
    bands = [
        AgeBand(start, _conformal(scores[band == number], spec.coverage))
        for number, start in enumerate(starts)
    ]
    return replace(spec, bands=tuple(bands))


def _starts(years: Years) -> list[int]:
    """Where bands begin: decades, joined to the next until enough estimates (N,) are in a band;
    what is left over joins the last."""
    counts = np.bincount(np.minimum(years // 10, len(AGE_BINS) - 1).astype(int))
    starts, count = [0], 0
    for decade, more in enumerate(counts):
        if count >= _ENOUGH and counts[decade:].sum() >= _ENOUGH:
            starts.append(10 * decade)
            count = 0
        count += more
    return starts


def _conformal(scores: NDArray[np.float64], coverage: float) -> float:
    """The score that `coverage` of the examples do not exceed, one more counted; rounded up."""
    rank = min(len(scores), int(np.ceil((len(scores) + 1) * coverage - 1e-9)))
    return float(np.ceil(np.sort(scores)[rank - 1] * 1e4 + 1e-3) / 1e4)


def _residuals(
    years: NDArray[np.float32], targets: TargetValues, coverage: float
) -> tuple[float, float]:
    """Years (low, high) around an estimate, as much left out on either side (split conformal:
    Lei et al., "Distribution-free predictive inference for regression", JASA 2018).

    The ends of an interval are rounded to whole years, which adds half a year on either side.
    """
    residuals = np.sort(targets - years.clip(0))
    outside = _rank(len(residuals), (1 - coverage) / 2)
    low, high = residuals[outside] + 0.5, residuals[-1 - outside] - 0.5
    return round(min(0.0, float(low)), 2), round(max(0.0, float(high)), 2)


def _rank(count: int, share: float) -> int:
    """The index of the sorted score that leaves at most `share` out, one more example counted."""
    return max(0, int((count + 1) * share) - 1)
