"""Whether probabilities and intervals keep their word on crops that were held back. Pure NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE_BINS

from .scores import UNLABELLED, Column, Scores, mean

_BINS = 10


def reliability(probabilities: Column, labels: NDArray[np.int64]) -> dict[str, Any] | None:
    """Confidence against accuracy of classes: `probabilities` (N, classes), `labels` (N,).

    `bins` are ten equal parts of 0..1, by the probability of the likeliest class: `n`, mean
    `confidence` and `accuracy` of each (None where it is empty). The expected calibration error is
    the mean distance of the two, weighted by `n`. Guo et al., "On calibration of modern neural
    networks", ICML 2017, section 2. None where the head is silent.
    """
    known = ~np.isnan(probabilities).any(axis=1) & (labels != UNLABELLED)
    if not known.any():
        return None
    probabilities, labels = probabilities[known], labels[known]
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = [_bin(number, confidence[which == number], right[which == number])
            for number in range(_BINS)]  # fmt: skip
    distances = [abs(one["confidence"] - one["accuracy"]) * one["n"] for one in bins if one["n"]]
    return {
        "bins": bins,
        "expected_calibration_error": round(sum(distances) / len(labels), 4),
        "mean_confidence": mean(confidence),
        "accuracy": mean(right.astype(np.float64)),
    }


def _bin(number: int, confidence: Column, right: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "low": number / _BINS,
        "high": (number + 1) / _BINS,
        "n": len(confidence),
        "confidence": mean(confidence),
        "accuracy": mean(right.astype(np.float64)),
    }


def age_intervals(scores: Scores) -> dict[str, Any] | None:
    """What share of true ages the intervals hold beside what they promise, and how wide they are
    in years: overall, by labelled and by estimated decade. None where the model gives no intervals.

    What is promised can be held in each estimated decade. It cannot in each labelled one: those
    who look unlike their age are in another decade than the model takes them for.
    """
    given = scores.where(~np.isnan(scores.low))
    if not len(given):
        return None
    return {
        "promised": mean(given.promised),
        **_held(given),
        "by_decade": _by_decade(given, given.decade),
        "by_estimated_decade": _by_decade(given, given.estimated_decade),
    }


def _by_decade(scores: Scores, decade: NDArray[np.int64]) -> list[dict[str, Any]]:
    return [
        {"age": name, "n": int(members.sum()), **_held(scores.where(members))}
        for number, name in enumerate(AGE_BINS)
        for members in [decade == number]
    ]


def _held(scores: Scores) -> dict[str, float | None]:
    return {
        "coverage": mean(scores.outcomes["age_interval_coverage"]),
        "mean_width": mean(scores.high - scores.low),
    }
