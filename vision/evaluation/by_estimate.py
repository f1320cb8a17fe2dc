"""How often a model is right about those of whom it says a certain thing. Pure NumPy.

Groups elsewhere are of people as they were labelled. Whoever reads an estimate does not know the
label: what an estimate is worth is told by the crops that the model says the same of.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE, AGE_BINS, ATTRIBUTES, SHIPPED

from .fairness import ENOUGH
from .scores import Column, Scores
from .uncertainty import mean_interval, share_interval

_SILENT = -1


def by_estimate(scores: Scores) -> list[dict[str, Any]]:
    """The figures of all crops, and of those that were estimated to have the same decade of age,
    gender or race, or two or three of these.

    A group has the labels that it was estimated to have, by attribute (none: all crops), and under
    `figures`, for the error of ages and every accuracy, `n`, `value` and `interval` (95%). Figures
    of fewer than `fairness.ENOUGH` crops are left out, and groups that have none.
    """
    said = {name: _said(scores, name) for name in SHIPPED}
    outcomes = {name: scores.outcomes[name] for name in map(figure_of, ATTRIBUTES)}
    found = []
    for names in _subsets(SHIPPED):
        for labels, members in _groups(said, names, len(scores)):
            figures = {
                figure: told
                for figure, values in outcomes.items()
                if (told := _told(figure, values[members]))
            }
            if figures:
                found.append({**labels, "figures": figures})
    return found


def figure_of(attribute: str) -> str:
    """The figure that says what estimates of an attribute are worth."""
    return "age_mae" if attribute == AGE.name else f"{attribute}_accuracy"


def smallest_around(
    groups: Sequence[Mapping[str, Any]], estimated: Mapping[str, str], attribute: str
) -> Mapping[str, Any] | None:
    """Of the groups of `by_estimate` that a face belongs to, the one with the fewest crops of which
    the figure of an attribute is told; None where there is none.

    One that is alike in that very attribute comes before any other: of old people ages are missed
    by more years, and a rare label is less often right. `estimated`: what was said of the face, one
    of `AGE_BINS` or a label by attribute.
    """
    figure = figure_of(attribute)
    around = [
        group
        for group in groups
        if figure in group["figures"]
        and all(estimated.get(name) == group[name] for name in SHIPPED if name in group)
    ]
    return min(
        around,
        key=lambda group: (attribute not in group, group["figures"][figure]["n"]),
        default=None,
    )


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for size in range(len(names) + 1):
        yield from combinations(names, size)


def _said(scores: Scores, name: str) -> NDArray[np.int64]:
    """The index (N,) of the label, or decade, that was estimated; `_SILENT` where none was."""
    if name == AGE.name:
        silent = np.isnan(scores.years)
        index = np.clip(np.where(silent, 0, scores.years) // 10, 0, len(AGE_BINS) - 1)
    else:
        shares = scores.probabilities[name]
        silent = np.isnan(shares[:, 0])
        index = np.nan_to_num(shares).argmax(axis=1)
    said: NDArray[np.int64] = np.where(silent, _SILENT, index).astype(np.int64)
    return said


def _groups(
    said: Mapping[str, NDArray[np.int64]], names: Sequence[str], count: int
) -> Iterator[tuple[dict[str, str], NDArray[np.bool_]]]:
    """Every combination of estimates of some attributes that occurs, and whose it is (N,)."""
    if not names:
        yield {}, np.ones(count, np.bool_)
        return
    keys = np.stack([said[name] for name in names], axis=1)
    for key in np.unique(keys[(keys != _SILENT).all(axis=1)], axis=0):
        labels = {name: _labels(name)[index] for name, index in zip(names, key, strict=True)}
        yield labels, (keys == key).all(axis=1)


def _labels(name: str) -> Sequence[str]:
    return AGE_BINS if name == AGE.name else ATTRIBUTES[name].labels


def _told(figure: str, values: Column) -> dict[str, Any] | None:
    known = values[~np.isnan(values)]
    if len(known) < ENOUGH:
        return None
    interval = mean_interval(known) if figure == figure_of(AGE.name) else share_interval(known)
    value = round(float(known.mean()), 4)
    return {"n": len(known), "value": value, "interval": [round(end, 4) for end in interval]}
