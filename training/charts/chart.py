"""A chart: what it is called, what it shows in one sentence, its drawing and its numbers."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.safestring import SafeString

from training.digits import three_digits

from . import svg
from .plots import Plot


@dataclass(frozen=True)
class Chart:
    """`sentence` says in one line what the chart shows. `rows` are the chart's numbers under
    `columns`. `wide` charts take the whole row. `notes` are sentences that explain what can be
    seen."""

    key: str
    title: str
    sentence: str
    plot: Plot
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    wide: bool = False
    notes: tuple[str, ...] = ()

    @property
    def shown_rows(self) -> list[list[str]]:
        """The rows as people read them."""
        return [[shown(cell) for cell in row] for row in self.rows]

    @property
    def element(self) -> str:
        return f"chart-{self.key}"

    @property
    def is_broad(self) -> bool:
        """Whether a narrow screen has to scroll sideways for its cells to stay readable."""
        return self.wide and bool(self.plot.cells)

    @property
    def drawing(self) -> SafeString:
        return svg.drawn(self.plot)

    def with_columns(self, columns: Mapping[str, Sequence[Any]]) -> "Chart":
        """The chart with more columns in its table than it draws."""
        rows = tuple((*row, *more) for row, *more in zip(self.rows, *columns.values(), strict=True))
        return replace(self, columns=(*self.columns, *columns), rows=rows)


@dataclass(frozen=True)
class Section:
    """Charts under one heading."""

    title: str
    charts: list[Chart]


@dataclass(frozen=True)
class Axes:
    """The titles of both axes, and of what tells the series apart."""

    x: str = ""
    y: str = ""
    series: str = ""


def shown(cell: Any) -> str:
    """A cell of a table, or a number in a tip: what is counted whole, what is measured with three
    digits, a dash where nothing is known."""
    match cell:
        case None:
            return "–"
        case int():
            return f"{cell:,}"
        case float():
            return three_digits(cell)
        case _:
            return str(cell)


def as_csv(chart: Chart) -> str:
    """The chart's table with a header, in UTF-8 text that spreadsheets open."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(chart.columns)
    writer.writerows(chart.rows)
    return "\ufeff" + text.getvalue()
