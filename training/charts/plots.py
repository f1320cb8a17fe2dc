"""What a chart draws: marks and ticks in shares of its area, 0 to 1 from the left and the top."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Number = int | float

_TICKS = 5  # about so many on an axis of numbers
_MOST_NAMES = 13  # of more categories only some are named


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A rectangle of a series; `tip` says in words what it stands for."""

    x: float
    y: float
    width: float
    height: float
    series: int
    tip: str


@dataclass(frozen=True)
class Box:
    """A box plot, upright: `fences` are the 5, 25, 50, 75 and 95% points, from low to high."""

    x: float
    width: float
    fences: tuple[float, ...]
    series: int
    tip: str


@dataclass(frozen=True)
class Curve:
    """Points that a line joins, each with a tip."""

    points: tuple[tuple[float, float], ...]
    tips: tuple[str, ...]
    series: int


@dataclass(frozen=True)
class Cell:
    """A cell of a heat map: `strength` of its colour from 0 to 1; None leaves it grey."""

    x: float
    y: float
    width: float
    height: float
    strength: float | None
    text: str
    tip: str


@dataclass(frozen=True)
class Rule:
    """A dotted line between two points."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Plot:
    """Everything that is drawn. `series` are the names of a legend; with one there is none.
    `row_names`: whether the y axis names categories, which take room, and not numbers."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str = ""
    y_title: str = ""
    series: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    boxes: tuple[Box, ...] = ()
    curves: tuple[Curve, ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    cells: tuple[Cell, ...] = ()
    rules: tuple[Rule, ...] = ()
    row_names: bool = False


@dataclass(frozen=True)
class Scale:
    """Numbers from `low` to `high` as shares of an axis; `text` writes one of its ticks."""

    low: float
    high: float
    step: float
    text: Callable[[float], str]

    def at(self, value: Number) -> float:
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        count = round((self.high - self.low) / self.step)
        values = [self.low + n * self.step for n in range(count + 1)]
        return [(self.at(value), self.text(value)) for value in values]


def scale_of(
    values: Iterable[Number | None], *, from_zero: bool = False, percent: bool = False
) -> Scale:
    """A scale with round ticks that holds all values; None are left out. Whole numbers have no
    ticks in between."""
    known = [value for value in values if value is not None]
    least = 1 if known and all(isinstance(value, int) for value in known) else 0
    low, high = min(known, default=0.0), max(known, default=1.0)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = (low, low + 1) if from_zero else (low - 0.5, low + 0.5)
    step = max(_round_step((high - low) / _TICKS), least)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    places = next(n for n in range(12) if abs(step * 10**n - round(step * 10**n)) < 1e-6)
    return Scale(low, high, step, _percent(places) if percent else _number(places))


def _round_step(step: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 … at any power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(one for one in (1, 2, 2.5, 5, 10) if one * power >= step * (1 - 1e-9))


def _number(places: int) -> Callable[[float], str]:
    return lambda value: f"{value + 0.0:,.{places}f}"


def _percent(places: int) -> Callable[[float], str]:
    return lambda value: f"{100 * value:.{max(0, places - 2)}f}%"


def upright(scale: Scale) -> tuple[Tick, ...]:
    return tuple(Tick(1 - at, label) for at, label in scale.ticks())


def lying(scale: Scale) -> tuple[Tick, ...]:
    return tuple(Tick(at, label) for at, label in scale.ticks())


def names(categories: Sequence[object], *, all_of_them: bool = False) -> tuple[Tick, ...]:
    """A tick in the middle of every category, or of some where there are many."""
    count = len(categories)
    every = 1 if all_of_them else _every(count)
    return tuple(
        Tick((n + 0.5) / count, str(name)) for n, name in enumerate(categories) if n % every == 0
    )


def _every(count: int) -> int:
    if count <= _MOST_NAMES:
        return 1
    return next(one for one in (2, 5, 10, 20, 50, 100, count) if count / one <= _MOST_NAMES)
