"""What a model said of labelled crops, and the figures that follow from it. Pure NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE, AGE_BINS, ATTRIBUTES, GENDER, RACE, Labels, labelled
from vision.types import AgeEstimate, ClassEstimate, FaceAttributes

Column = NDArray[np.float64]
Figures = dict[str, float | None]

_FEW = 20  # crops: what the intervals of fewer hold says nothing
UNLABELLED = -1  # what stands where nobody has given a label
CLASSIC_RACES = 3  # the first of `RACE.labels`, which the student deck kept


@dataclass(frozen=True)
class Scores:
    """N crops: what their labels say, and what a model says. A head's silence is NaN.

    `labels` holds for every attribute its labels, int64 (N,), as in `Labels`, and -1 where none is
    said. `years`, `low` and `high` are the estimated age and its interval, (N,); `promised` the
    share of true ages that the interval claims to hold. `probabilities` holds for every attribute
    with labels theirs, (N, labels); labels that the model does not know have 0.
    """

    labels: Mapping[str, NDArray[np.int64]]
    years: Column
    low: Column
    high: Column
    promised: Column
    probabilities: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.years)

    def where(self, mask: NDArray[np.bool_]) -> "Scores":
        """The crops for which `mask` (N,) is true."""

        def chosen(one: Any) -> Any:
            return {n: c[mask] for n, c in one.items()} if isinstance(one, Mapping) else one[mask]

        return Scores(**{field.name: chosen(getattr(self, field.name)) for field in fields(self)})

    @property
    def decade(self) -> NDArray[np.int64]:
        """The index in `AGE_BINS` of each labelled age."""
        decades: NDArray[np.int64] = np.minimum(self.labels["age"] // 10, len(AGE_BINS) - 1)
        return decades

    @property
    def estimated_decade(self) -> NDArray[np.int64]:
        """The index in `AGE_BINS` of each estimated age, which no crop may lack."""
        return np.clip(self.years // 10, 0, len(AGE_BINS) - 1).astype(np.int64)

    @property
    def error(self) -> Column:
        """Estimated minus labelled age, in years."""
        return self.years - self.labels["age"]

    @cached_property
    def outcomes(self) -> dict[str, Column]:
        """What every figure is the mean of: errors in years, or 1 for right and 0 for wrong.

        NaN where a head is silent or, for `race3_accuracy`, the label is none of three.
        """
        error, age = self.error, self.labels["age"]
        covered = (self.low <= age) & (age <= self.high)
        return {
            "age_mae": np.abs(error),
            "age_mse": error**2,
            "age_bias": error,
            "age_within_5": np.where(np.isnan(error), np.nan, np.abs(error) <= 5),
            **{
                f"{name}_accuracy": _right(probabilities, self.labels[name])
                for name, probabilities in self.probabilities.items()
            },
            "race3_accuracy": self._right_of_three(),
            "age_interval_coverage": np.where(np.isnan(self.low), np.nan, covered),
        }

    def _right_of_three(self) -> Column:
        race = self.labels["race"]
        of_three = np.where(race < CLASSIC_RACES, 1.0, np.nan)[:, None]
        return _right(self.probabilities["race"][:, :CLASSIC_RACES] * of_three, race)


def collect(labels: Sequence[Labels], estimates: Sequence[FaceAttributes]) -> Scores:
    """The columns of N labelled crops and what was said of each."""
    ages = [face.age for face in estimates]
    return Scores(
        labels={
            name: np.array([one.get(name, UNLABELLED) for one in labels], np.int64)
            for name in ATTRIBUTES
        },
        years=np.array([age.years if age else np.nan for age in ages], np.float64),
        low=_of_intervals(ages, "low"),
        high=_of_intervals(ages, "high"),
        promised=_of_intervals(ages, "coverage"),
        probabilities={
            one.name: _probabilities([face.classes.get(one.name) for face in estimates], one.labels)
            for one in labelled()
        },
    )


def accuracies() -> tuple[str, ...]:
    """The figures of attributes with labels: the share of right answers of each."""
    return tuple(f"{one.name}_accuracy" for one in labelled())


def compared_figures() -> dict[str, tuple[str, ...]]:
    """Attribute → the figures that versions are compared by; the first is known of every image."""
    known = {one.name: (f"{one.name}_accuracy",) for one in labelled()}
    return {AGE.name: ("age_mae",), **known, RACE.name: (*known[RACE.name], "race3_accuracy")}


def figures(scores: Scores) -> Figures:
    """The figures of section headings: errors in years, shares in 0..1, None where unknown.

    `age_bias` is the one figure with a sign: the mean of estimated minus labelled age.
    """
    outcomes = scores.outcomes
    return {
        "age_mae": mean(outcomes["age_mae"]),
        "age_mse": mean(outcomes["age_mse"]),
        "age_rmse": _root_mean(outcomes["age_mse"]),
        "age_bias": mean(outcomes["age_bias"]),
        **{name: mean(outcomes[name]) for name in accuracies()},
        "race3_accuracy": mean(outcomes["race3_accuracy"]),
        "age_interval_coverage": mean(outcomes["age_interval_coverage"]),
    }


def held_by_bin(scores: Scores) -> dict[str, tuple[float, int]]:
    """What share of labelled ages the intervals hold, and of how many: by estimated decade, gender
    and race. Bins of fewer than 20 crops are left out, and crops without an interval."""
    given = scores.where(~np.isnan(scores.low))
    held = given.outcomes["age_interval_coverage"]
    bins = [(f"estimated {name}", given.estimated_decade == n) for n, name in enumerate(AGE_BINS)]
    bins += [(name, given.labels["gender"] == number) for number, name in enumerate(GENDER.labels)]
    bins += [(name, given.labels["race"] == number) for number, name in enumerate(RACE.labels)]
    return {
        name: (round(float(held[members].mean()), 4), int(members.sum()))
        for name, members in bins
        if members.sum() >= _FEW
    }


def groups(scores: Scores) -> list[dict[str, Any]]:
    """The figures of every race × gender × decade that occurs, with its count `n`."""
    keys = np.stack([scores.labels["race"], scores.labels["gender"], scores.decade], axis=1)
    found = [
        {
            "race": RACE.labels[race],
            "gender": GENDER.labels[gender],
            "age": AGE_BINS[decade],
            "n": len(members),
            **figures(members),
        }
        for race, gender, decade in np.unique(keys, axis=0)
        for members in [scores.where((keys == (race, gender, decade)).all(axis=1))]
    ]
    return sorted(found, key=lambda group: (group["race"], group["gender"], group["age"]))


def mean(values: Column) -> float | None:
    """The mean of what is known, to four places; None where nothing is."""
    known = values[~np.isnan(values)]
    return round(float(known.mean()), 4) if known.size else None


def _root_mean(squares: Column) -> float | None:
    known = squares[~np.isnan(squares)]
    return round(float(known.mean()) ** 0.5, 4) if known.size else None


def _of_intervals(ages: Sequence[AgeEstimate | None], field: str) -> Column:
    values = [getattr(age, field) if age else None for age in ages]
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _probabilities(estimates: Sequence[ClassEstimate | None], names: Sequence[str]) -> Column:
    """The probabilities (N, names) of class estimates; NaN where there is none."""
    silent: Mapping[str, float] = dict.fromkeys(names, np.nan)
    said = [one.probabilities if one else silent for one in estimates]
    rows = [[of.get(name, 0.0) for name in names] for of in said]
    return np.array(rows, np.float64).reshape(len(rows), len(names))


def _right(probabilities: Column, labels: NDArray[np.int64]) -> Column:
    """Whether the likeliest class is the labelled one, (N,): 1, 0, or NaN where either is not
    said."""
    silent = np.isnan(probabilities).any(axis=1) | (labels == UNLABELLED)
    return np.where(silent, np.nan, probabilities.argmax(axis=1) == labels)
