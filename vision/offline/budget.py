"""How many epochs fit into a budget of time, by what a few of them take."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vision.training.network_recipes import NetworkRecipe

from ..training.progress import FitProgress

_SPARE = 0.03  # of the time, for what comes in between
_MOST_EPOCHS = 500  # that a stage may have
_LAST_WRITES = 3.0  # seconds

OnProgress = Callable[[FitProgress], None]
Train = Callable[[NetworkRecipe, OnProgress], object]
"""Trains by a recipe from the beginning."""


@dataclass(frozen=True)
class Pace:
    """How fast a stage trains: seconds until its first step is made, most of which compile, and
    seconds an epoch, validation included; infinite where it has made no second step. `validated`:
    whether it has come to its first validation, which compiles too."""

    start: float
    epoch: float
    validated: bool = True


def measure(
    recipe: NetworkRecipe, train: Train, *, seconds: float, give_up_at: float
) -> list[Pace]:
    """The pace of every stage of a recipe, by training each for some `seconds`.

    What `give_up_at`, a time of `time.monotonic`, cuts off is measured as far as it has come.
    """
    paces = []
    for stage in recipe.stages:
        meter = _Meter(seconds, give_up_at)
        with suppress(_Measured):
            train(recipe.with_changes(stages=(stage._replace(epochs=_MOST_EPOCHS),)), meter)
        paces.append(meter.pace())
    return paces


def fitted_to(recipe: NetworkRecipe, paces: Sequence[Pace], seconds: float) -> NetworkRecipe:
    """The recipe with as many epochs as fit into `seconds`, the proportions of its stages kept;
    at least one of each."""
    pairs = list(zip(recipe.stages, paces, strict=True))
    whole = sum(stage.epochs * pace.epoch for stage, pace in pairs)
    left = seconds * (1 - _SPARE) - sum(pace.start for pace in paces)
    share = left / whole if left > 0 and math.isfinite(whole) else 0.0
    stages = tuple(
        stage._replace(epochs=min(max(int(stage.epochs * share), 1), _MOST_EPOCHS))
        for stage in recipe.stages
    )
    return recipe.with_changes(stages=stages)


def reserve(recipe: NetworkRecipe, pace: Pace, train: int, validation: int) -> float:
    """Seconds that the last stage needs after its last step: two steps that were under way, a
    validation of so many images (here as dear as training on them), and what is written."""
    if math.isinf(pace.epoch):
        return _LAST_WRITES
    steps = max(train // recipe.stages[-1].batch, 1)
    return _LAST_WRITES + pace.epoch * (2 / steps + validation / train)


def first_validation(pace: Pace) -> float:
    """Seconds to keep beside, where none was seen yet: it compiles, which is taken to be as dear as
    what the training compiles."""
    return 0.0 if pace.validated or math.isinf(pace.start) else pace.start


class _Measured(Exception):
    """Enough has been seen."""


class _Meter:
    """Hears a training's progress and raises _Measured after `seconds` of steps.

    What compiles does not count: the first steps heard of, nor, where it ends in time, the first
    epoch, which ends with the first validation.
    """

    def __init__(self, seconds: float, give_up_at: float) -> None:
        self._seconds = seconds
        self._give_up_at = give_up_at
        self._begun = time.monotonic()
        self._heard: list[tuple[float, int]] = []  # when, of how many steps
        self._since = 0  # which of them counts first
        self._epoch_through = False
        self._steps = 0  # of an epoch

    def __call__(self, progress: FitProgress) -> None:
        now = time.monotonic()
        if progress.epoch and progress.done:
            self._heard.append((now, progress.done))
            self._steps = progress.total // progress.epochs
        if progress.metrics and not self._epoch_through:
            self._since, self._epoch_through = len(self._heard) - 1, True
        if now >= self._give_up_at or (self._made() and self._took() >= self._seconds):
            raise _Measured

    def pace(self) -> Pace:
        start = self._heard[0][0] - self._begun if self._heard else math.inf
        if not self._made():
            return Pace(start, math.inf, self._epoch_through)
        epoch = self._took() / self._made() * self._steps
        return Pace(start, epoch, self._epoch_through)

    def _made(self) -> int:
        heard = self._heard
        return heard[-1][1] - heard[self._since][1] if heard else 0

    def _took(self) -> float:
        return self._heard[-1][0] - self._heard[self._since][0]
