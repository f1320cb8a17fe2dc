"""The kinds of charts. Each takes numbers and gives their drawing and their table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .chart import Axes, Chart, shown
from .plots import (
    Bar,
    Box,
    Cell,
    Curve,
    Number,
    Plot,
    Rule,
    Scale,
    Tick,
    lying,
    names,
    scale_of,
    upright,
)

_FILLED = 0.8  # of a category's width; the rest keeps categories apart
_BOX = 0.6  # of the width that a box has for itself
_FIVE = ("5%", "25%", "50%", "75%", "95%")

Series = Mapping[str, Sequence[Number | None]]


def bars(
    key: str,
    title: str,
    sentence: str,
    categories: Sequence[Any],
    series: Series,
    *,
    axes: Axes,
    stacked: bool = False,
    sideways: bool = False,
    wide: bool = False,
    highest: Number | None = None,
) -> Chart:
    """One bar, or one group or stack of bars, for each category; `sideways` for long names.
    `highest` is what the scale reaches at least, so that two charts can be compared."""
    scale = scale_of([*_reached(series, stacked), highest], from_zero=True)
    marks = tuple(_bars(categories, series, scale, stacked))
    named = names(categories, all_of_them=sideways)
    several = tuple(series) if len(series) > 1 else ()
    if sideways:
        plot = Plot(
            lying(scale),
            named,
            axes.y,
            "",
            several,
            bars=tuple(map(_turned, marks)),
            row_names=True,
        )
    else:
        plot = Plot(named, upright(scale), axes.x, axes.y, several, bars=marks)
    columns, rows = _table(axes, categories, series)
    return Chart(key, title, sentence, plot, columns, rows, wide)


def _reached(series: Series, stacked: bool) -> list[Number | None]:
    if stacked:
        return [
            sum(value or 0 for value in column) for column in zip(*series.values(), strict=True)
        ]
    return [value for values in series.values() for value in values]


def _bars(categories: Sequence[Any], series: Series, scale: Scale, stacked: bool) -> Iterator[Bar]:
    """Upright bars, category by category."""
    room = 1 / max(len(categories), 1)
    width = room * _FILLED / (1 if stacked else max(len(series), 1))
    for n, category in enumerate(categories):
        left, foot = room * (n + (1 - _FILLED) / 2), 0.0
        for s, (name, values) in enumerate(series.items()):
            if (value := values[n]) is None:
                continue
            ends = 1 - scale.at(foot), 1 - scale.at(foot + value)
            x = left if stacked else left + s * width
            tip = _tip(category, name, value)
            yield Bar(x, min(ends), width, abs(ends[0] - ends[1]), s, tip)
            foot += value if stacked else 0


def _turned(bar: Bar) -> Bar:
    """An upright bar lying, the first category on top."""
    return Bar(1 - bar.y - bar.height, bar.x, bar.height, bar.width, bar.series, bar.tip)


def lines(
    key: str,
    title: str,
    sentence: str,
    x: Sequence[Any],
    series: Series,
    *,
    axes: Axes,
    diagonal: bool = False,
    percent: bool = False,
    from_zero: bool = False,
    breaks: Sequence[Number] = (),
) -> Chart:
    """One line for each series. `diagonal`, for shares on both axes, adds the line on which y
    equals x and shows both from 0 to 1, `breaks` a dotted line over the whole height at each of
    some x; `percent` writes the ticks of y, shares of 1, as such."""
    whole = (0.0, 1.0) if diagonal else ()
    reached = [*_reached(series, stacked=False), *whole]
    scale = scale_of(reached, from_zero=from_zero, percent=percent)
    places, ticks = _places(x, whole)
    curves = tuple(
        _curve(places, x, named, values, scale)
        for named, values in zip(enumerate(series), series.values(), strict=True)
    )
    rules = [_diagonal(scale, scale)] if diagonal else []
    rules += [Rule(at, 0, at, 1) for at in (scale_of(x).at(one) for one in breaks)]
    several = tuple(series) if len(series) > 1 else ()
    plot = Plot(ticks, upright(scale), axes.x, axes.y, several, curves=curves, rules=tuple(rules))
    columns, rows = _table(axes, x, series)
    return Chart(key, title, sentence, plot, columns, rows)


def _places(
    x: Sequence[Any], whole: tuple[float, ...] = ()
) -> tuple[list[float], tuple[Tick, ...]]:
    """Where points stand: numbers by their size on an axis that holds `whole` too, others one
    beside the other."""
    if any(isinstance(value, str) for value in x):
        return [(n + 0.5) / len(x) for n in range(len(x))], names(x)
    scale = scale_of([*x, *whole])
    return list(map(scale.at, x)), lying(scale)


def _curve(
    places: Sequence[float], x: Sequence[Any], named: tuple[int, str], values: Any, scale: Scale
) -> Curve:
    """The line of a series, of which `named` has the number and the name."""
    series, name = named
    known = [
        ((at, 1 - scale.at(value)), _tip(where, name, value))
        for at, where, value in zip(places, x, values, strict=True)
        if value is not None
    ]
    return Curve(tuple(point for point, _ in known), tuple(tip for _, tip in known), series)


def scatter(
    key: str,
    title: str,
    sentence: str,
    points: Sequence[tuple[Number, Number]],
    *,
    axes: Axes,
) -> Chart:
    """Points x, y in one unit, with the line on which y equals x."""
    across, up = scale_of(x for x, _ in points), scale_of(y for _, y in points)
    plot = Plot(
        lying(across),
        upright(up),
        axes.x,
        axes.y,
        dots=tuple((across.at(x), 1 - up.at(y)) for x, y in points),
        rules=(_diagonal(across, up),),
    )
    return Chart(key, title, sentence, plot, (axes.x, axes.y), tuple(map(tuple, points)))


def heat_map(
    key: str,
    title: str,
    sentence: str,
    *,
    x: Sequence[str],
    y: Sequence[str],
    values: Sequence[Sequence[Number | None]],
    axes: Axes,
    notes: Sequence[Sequence[str]],
    wide: bool = False,
) -> Chart:
    """A cell for every x and y, coloured the more strongly the larger its value; one without a
    value is grey. `notes` are written into the cells."""
    known = [value for row in values for value in row if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    width, height = 1 / max(len(x), 1), 1 / max(len(y), 1)
    cells = tuple(
        Cell(
            *(n * width, m * height, width, height),
            None if value is None else _strength(value, low, high),
            note,
            f"{row}, {column}: {note}" if note else "",
        )
        for m, (row, values_of, notes_of) in enumerate(zip(y, values, notes, strict=True))
        for n, (column, value, note) in enumerate(zip(x, values_of, notes_of, strict=True))
    )
    plot = Plot(
        names(x, all_of_them=True), names(y, all_of_them=True), axes.x, axes.y, cells=cells,
        row_names=True,
    )  # fmt: skip
    rows = tuple((name, *row) for name, row in zip(y, notes, strict=True))
    return Chart(key, title, sentence, plot, (axes.y, *x), rows, wide)


def _strength(value: Number, low: Number, high: Number) -> float:
    """From 0, the least of all, to 1; all alike are in the middle, unless they are nothing."""
    if low == high:
        return 0.5 if value else 0.0
    return (value - low) / (high - low)


def boxes(
    key: str,
    title: str,
    sentence: str,
    groups: Mapping[str, Mapping[str, Sequence[Number]]],
    *,
    axes: Axes,
    wide: bool = False,
) -> Chart:
    """Box plots of five numbers each (5%, 25%, 50%, 75%, 95%): series → category → numbers."""
    categories = list(dict.fromkeys(name for found in groups.values() for name in found))
    scale = scale_of(
        (n for found in groups.values() for five in found.values() for n in five), from_zero=True
    )
    plot = Plot(
        names(categories, all_of_them=True),
        upright(scale),
        axes.x,
        axes.y,
        tuple(groups) if len(groups) > 1 else (),
        boxes=tuple(_boxes(categories, groups, scale)),
    )
    rows = tuple(
        (category, name, *five)
        for name, found in groups.items()
        for category, five in found.items()
    )
    return Chart(key, title, sentence, plot, (axes.x, axes.series, *_FIVE), rows, wide)


def _boxes(
    categories: Sequence[str],
    groups: Mapping[str, Mapping[str, Sequence[Number]]],
    scale: Scale,
) -> Iterator[Box]:
    room = _FILLED / max(len(categories), 1)
    width = room / max(len(groups), 1)
    for s, (name, found) in enumerate(groups.items()):
        for n, category in enumerate(categories):
            if five := found.get(category):
                left = (n + (1 - _FILLED) / 2) / len(categories) + s * width
                told = zip(_FIVE, map(shown, five), strict=True)
                words = ", ".join(f"{at}: {value}" for at, value in told)
                yield Box(
                    left + width * (1 - _BOX) / 2,
                    width * _BOX,
                    tuple(1 - scale.at(value) for value in five),
                    s,
                    f"{category}, {name}: {words}",
                )


def _diagonal(across: Scale, up: Scale) -> Rule:
    """The line on which y equals x, as far as both scales have it."""
    low, high = max(across.low, up.low), min(across.high, up.high)
    return Rule(across.at(low), 1 - up.at(low), across.at(high), 1 - up.at(high))


def _tip(category: Any, name: str, value: Number) -> str:
    return f"{shown(category)}: {shown(value)} ({name})"


def _table(
    axes: Axes, categories: Sequence[Any], series: Series
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Columns and rows: a category and its value in every series."""
    return (axes.x, *series), tuple(zip(categories, *series.values(), strict=True))
