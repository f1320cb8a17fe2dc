"""Whether a model is no worse than another on the same images, on the whole and for groups.

Both have looked at the same images, so their outcomes are compared image by image: what makes an
image hard for both says nothing of their difference. Pure NumPy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE_BINS, grouping

from .fairness import lower_is_better
from .scores import Column, Scores

Mask = NDArray[np.bool_]

# A tenth of a year and half a point: what some 1,100 images can show. The paired standard errors of
# two trainings are there about 0.05 years, 0.4 points of gender and 0.6 of race.
_YEARS, _SHARE = 0.1, 0.005
# Of each one-sided bound. A model that is worse by a whole margin in one figure, and much better in
# all others, passes with the rest of it.
CONFIDENCE = 0.9
# With fewer images than this nothing is compared: the bounds take means for normal.
ENOUGH = 100

# The share of comparisons of equal models in which any group at all is said to be worse.
FALSE_ALARMS = 0.05
# What a group may lose unseen before it is named as too small to tell.
_GROUP_YEARS, _GROUP_SHARE = 1.5, 0.1
# The last decades hold too few images each.
_BANDS = (*AGE_BINS[:7], "70+")

_FLIPS = 4_000
_FLIPS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Loss:
    """By how much a figure is worse, on the `n` images for which both models have it.

    `new` and `old` are the figures there. `loss` is their difference, above zero where the new one
    is worse, in years or as a share; each of `low` and `high` bounds the true loss with
    `CONFIDENCE`.
    """

    figure: str
    n: int
    new: float
    old: float
    loss: float
    low: float
    high: float

    @property
    def is_no_worse(self) -> bool:
        """Whether it is shown that not more than the margin is lost."""
        return self.high <= margin(self.figure)


@dataclass(frozen=True)
class GroupLoss:
    """What a group loses. `group` names it by `race`, `gender`, `age` or the first two; `p` is the
    chance that equal models give any group a loss as striking."""

    group: dict[str, str]
    loss: Loss
    p: float

    @property
    def is_worse(self) -> bool:
        """Whether the group is shown to lose, and seems to lose more than may be lost overall."""
        return self.p <= FALSE_ALARMS and self.loss.loss > margin(self.loss.figure)

    @property
    def cannot_be_told(self) -> bool:
        """Whether it may lose more than `group_limit` without that being shown."""
        return not self.is_worse and self.loss.high > group_limit(self.loss.figure)


def margin(figure: str) -> float:
    """What a figure may lose: years, or a share of right answers."""
    return _YEARS if lower_is_better(figure) else _SHARE


def group_limit(figure: str) -> float:
    """What a group may lose in a figure unseen."""
    return _GROUP_YEARS if lower_is_better(figure) else _GROUP_SHARE


def overall(new: Scores, old: Scores, figures: Sequence[str]) -> list[Loss]:
    """The loss in each figure that both have on any of the same N images."""
    found = ((figure, _losses(new, old, figure)) for figure in figures)
    return [
        _loss(figure, new, old, known)
        for figure, losses in found
        if (known := ~np.isnan(losses)).any()
    ]


def by_group(new: Scores, old: Scores, figures: Sequence[str], *, seed: int = 0) -> list[GroupLoss]:
    """The loss of every race, gender, age band and race × gender in each figure that both have.

    The same seed gives the same chances.
    """
    groups = list(_groups(old))
    losses = np.stack([_losses(new, old, figure) for figure in figures], axis=1)
    chances = _chances(np.stack([mask for _names, mask in groups]), losses, seed)
    return [
        GroupLoss(names, _loss(figure, new, old, known), float(chances[row, column]))
        for row, (names, mask) in enumerate(groups)
        for column, figure in enumerate(figures)
        if (known := mask & ~np.isnan(losses[:, column])).any()
    ]


def _losses(new: Scores, old: Scores, figure: str) -> Column:
    """What each image loses, (N,): years, or 1, 0 or -1 for a right answer; NaN where unknown."""
    difference: Column = new.outcomes[figure] - old.outcomes[figure]
    return difference if lower_is_better(figure) else -difference


def _loss(figure: str, new: Scores, old: Scores, known: Mask) -> Loss:
    losses = _losses(new, old, figure)[known]
    mean, error = _mean_of_years(losses) if lower_is_better(figure) else _mean_of_answers(losses)
    reach = NormalDist().inv_cdf(CONFIDENCE) * error
    return Loss(
        figure=figure,
        n=int(known.sum()),
        new=float(new.outcomes[figure][known].mean()),
        old=float(old.outcomes[figure][known].mean()),
        loss=float(losses.mean()),
        low=mean - reach,
        high=mean + reach,
    )


def _mean_of_years(losses: Column) -> tuple[float, float]:
    """The mean loss and its standard error, endless for a single image."""
    if len(losses) < 2:
        return float(losses.mean()), np.inf
    return float(losses.mean()), float(losses.std(ddof=1) / len(losses) ** 0.5)


def _mean_of_answers(losses: Column) -> tuple[float, float]:
    """The difference of two paired shares and its standard error, with half an image added to each
    of the four cells, so that no few equal answers make it certain.

    A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24 (2005).
    """
    count = len(losses) + 2
    mean = float(losses.sum()) / count
    differing = float(np.abs(losses).sum() + 1) / count
    return mean, float(((differing - mean**2) / count) ** 0.5)


def _groups(scores: Scores) -> Iterator[tuple[dict[str, str], Mask]]:
    """Every group that occurs: its names, and which images (N,) are of it."""
    bands = np.minimum(scores.decade, len(_BANDS) - 1)
    parts = {
        one.name: {name: scores.labels[one.name] == n for n, name in enumerate(one.labels)}
        for one in grouping()
    }
    parts["age"] = {name: bands == index for index, name in enumerate(_BANDS)}
    alone = [({part: name}, mask) for part, of in parts.items() for name, mask in of.items()]
    both = [
        ({"race": race, "gender": gender}, of_race & of_gender)
        for race, of_race in parts["race"].items()
        for gender, of_gender in parts["gender"].items()
    ]
    yield from ((names, mask) for names, mask in [*alone, *both] if mask.any())


def _chances(groups: Mask, losses: Column, seed: int) -> Column:
    """For groups (G, N) and the losses of images (N, F), the chances (G, F) of `GroupLoss.p`.

    Between equal models it is chance which of the two an image favours, so the signs of whole
    images are flipped at random, and a group's mean loss over its standard error, as the spread of
    all images gives it, is held against the largest that any group then has in any figure. That
    allows for the number of looks and for what groups share: P. Westfall and S. Young,
    "Resampling-based multiple testing" (1993), the single-step maxT. The spread of all, not the
    group's own, lets a small group count in which much differs where elsewhere little does.
    """
    filled = np.nan_to_num(losses)
    known = ~np.isnan(losses)
    spread = np.sqrt((filled**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    errors = np.sqrt(groups.astype(float) @ known) * spread
    looks = groups[:, :, None] * filled / np.where(errors > 0, errors, np.inf)[:, None, :]
    looks = np.moveaxis(looks, 1, 0).reshape(len(losses), -1).astype(np.float32)
    found = looks.sum(axis=0)
    random = np.random.default_rng(seed)
    as_striking = np.ones(len(found))
    for _ in range(_FLIPS // _FLIPS_AT_ONCE):
        signs = random.integers(0, 2, (_FLIPS_AT_ONCE, len(losses)), dtype=np.int8) * 2 - 1
        largest = np.sort((signs.astype(np.float32) @ looks).max(axis=1))
        # Sums of the same numbers in another order differ by rounding.
        as_striking += _FLIPS_AT_ONCE - np.searchsorted(largest, found - 1e-4)
    chances: Column = as_striking / (_FLIPS + 1)
    return chances.reshape(errors.shape)
