"""For whom a model does well and for whom it does not. Pure NumPy."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vision.attributes import AGE_BINS, ATTRIBUTES, GENDER, RACE, grouping

from .scores import UNLABELLED, Scores, accuracies, mean
from .uncertainty import intervals as intervals_of

# A figure of fewer crops than this says more of chance than of the group: at 50, an accuracy of
# 0.9 is still uncertain by 0.08 either way.
ENOUGH = 50


def groupings() -> tuple[tuple[str, ...], ...]:
    """By what crops are grouped: each attribute with labels, and race with gender."""
    return (*((one.name,) for one in grouping()), (RACE.name, GENDER.name))


def group_figures() -> tuple[str, ...]:
    """What `by_group` tells of every group."""
    return ("age_mae", "age_bias", *accuracies())


def lower_is_better(figure: str) -> bool:
    """Whether a figure is an error, not a share of right answers. `age_bias` is neither: it is
    best near zero, so gaps leave it out."""
    return figure in {"age_mae", "age_mse", "age_rmse"}


def gaps(scores: Scores) -> list[dict[str, Any]]:
    """How far apart the groups with at least `ENOUGH` crops are, in each figure.

    For every one of `groupings`: `by`, `figure`, `gap` (years, or a share in
    0..1), and the groups that fare `best` and `worst`, with their names, `n` and `value`. Where
    fewer than two groups are large enough there is no gap.
    """
    found = []
    for by in groupings():
        for figure in ("age_mae", *accuracies()):
            groups = _groups(scores, by, figure)
            if len(groups) < 2:
                continue
            groups.sort(key=lambda group: group["value"], reverse=not lower_is_better(figure))
            best, worst = groups[0], groups[-1]
            gap = round(abs(worst["value"] - best["value"]), 4)
            found.append(
                {"by": list(by), "figure": figure, "gap": gap, "best": best, "worst": worst}
            )
    return found


def by_group(scores: Scores, *, seed: int) -> list[dict[str, Any]]:
    """The figures of the crops of each label of every attribute, and of each labelled decade.

    A group has the label that it shares, under the attribute's name, its number `n`, figures
    (None where no head speaks to one), and under `intervals` how far each may be off (95%).
    """
    found = []
    parts = [
        (name, scores.labels[name], ATTRIBUTES[name].labels)
        for (name, *more) in groupings()
        if not more
    ]
    for name, values, labels in (*parts, ("age", scores.decade, AGE_BINS)):
        for value in np.unique(values[values != UNLABELLED]):
            members = scores.where(values == value)
            outcomes = {figure: members.outcomes[figure] for figure in group_figures()}
            group = {figure: mean(outcome) for figure, outcome in outcomes.items()}
            intervals = intervals_of(outcomes, seed=seed)
            found.append({name: labels[value], "n": len(members), **group, "intervals": intervals})
    return found


def _groups(scores: Scores, by: Sequence[str], figure: str) -> list[dict[str, Any]]:
    """Every group that has enough crops with a known figure."""
    values = scores.outcomes[figure]
    keys = np.stack([scores.labels[name] for name in by], axis=1)
    known = ~np.isnan(values) & (keys != UNLABELLED).all(axis=1)
    keys = keys[known]
    values = values[known]
    groups = []
    for key in np.unique(keys, axis=0):
        members = (keys == key).all(axis=1)
        if members.sum() >= ENOUGH:
            names = {n: ATTRIBUTES[n].labels[index] for n, index in zip(by, key, strict=True)}
            value = round(float(values[members].mean()), 4)
            groups.append({**names, "n": int(members.sum()), "value": value})
    return groups
