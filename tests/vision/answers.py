"""What two models say of the same images: alike but for chance, and worse where a test wants it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.evaluation.scores import Scores

IMAGES = 1127
# How two trainings on UTKFace differ: years of an image's error, and shares of answers that only
# one of them has right (`tools/gate_errors.py` says of what these are measured).
YEARS, GENDERS, RACES = 1.5, 0.018, 0.035


def two_models(count: int = IMAGES, seed: int = 0) -> tuple[Scores, Scores]:
    """Two models on images of all ages, genders and races, both right as often as the starter;
    which of the two an image favours is chance."""
    random = np.random.default_rng(seed)
    age = np.minimum(random.gamma(2.6, 13.0, count), 99).astype(np.int64)
    gender = random.integers(0, 2, count)
    race = random.choice(5, count, p=[0.42, 0.19, 0.15, 0.17, 0.07])
    common = age + random.normal(0.0, 6.0, count)
    years = [common + random.normal(0.0, YEARS / 2**0.5, count) for _ in range(2)]
    genders = _pair(gender, random.random(count) < 0.943, GENDERS, 2, random)
    races = _pair(race, random.random(count) < 0.842, RACES, 5, random)
    one, other = (
        Scores(
            labels={"age": age, "gender": gender, "race": race},
            years=years[model],
            low=years[model] - 7.0,
            high=years[model] + 7.0,
            promised=np.full(count, 0.8),
            probabilities={"gender": genders[model], "race": races[model]},
        )
        for model in range(2)
    )
    return one, other


def older(scores: Scores, years: float, who: Any = True) -> Scores:
    """The absolute errors of some are so many years larger."""
    more = np.where(np.broadcast_to(who, len(scores)), years, 0.0)
    return replace(scores, years=scores.years + more * np.where(scores.error < 0, -1.0, 1.0))


def wrong(scores: Scores, head: str, share: float, who: Any = True, seed: int = 2) -> Scores:
    """So large a share of some are taken for another class, of those that were right."""
    random = np.random.default_rng(seed)
    members = np.flatnonzero(np.broadcast_to(who, len(scores)))
    labels = scores.labels[head]
    shares = scores.probabilities[head].copy()
    right = members[shares[members].argmax(axis=1) == labels[members]]
    spoilt = random.choice(right, round(share * len(members)), replace=False)
    shares[spoilt] = np.roll(shares[spoilt], 1, axis=1)
    return saying(scores, **{head: shares})


def saying(scores: Scores, **probabilities: Any) -> Scores:
    """The scores with other probabilities of some attributes."""
    return replace(scores, probabilities={**scores.probabilities, **probabilities})


def _shares(labels: NDArray[np.int64], right: NDArray[np.bool_], classes: int) -> Any:
    said = np.where(right, labels, (labels + 1) % classes)
    return np.where(np.arange(classes) == said[:, None], 0.9, 0.1 / (classes - 1))


def _pair(labels: Any, right: Any, rate: float, classes: int, random: Any) -> tuple[Any, Any]:
    """What two say who agree but for some images, which one of the two has right by chance."""
    differs = random.random(len(labels)) < rate
    first = random.random(len(labels)) < 0.5
    return (
        _shares(labels, np.where(differs, first, right), classes),
        _shares(labels, np.where(differs, ~first, right), classes),
    )
