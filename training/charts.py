"""Charts as data: a Plotly figure without colours, and the same numbers as a table.

The page draws them with Plotly from the `plotly` wheel, in the colours of its theme; whoever
reads no charts gets the table and a CSV file.
"""

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Number = int | float

_LINE = 22  # characters of a category's name in one line


@dataclass(frozen=True)
class Chart:
    """`sentence` says in one line what the chart shows. `figure` holds Plotly's `data` and
    `layout`. `rows` are the chart's numbers under `columns`. `wide` charts take the whole row.
    `notes` are sentences that explain what can be seen."""

    key: str
    title: str
    sentence: str
    figure: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    wide: bool = False
    notes: tuple[str, ...] = ()

    @property
    def element(self) -> str:
        return f"chart-{self.key}"

    @property
    def is_broad(self) -> bool:
        """Whether a narrow screen has to scroll sideways for its cells to stay readable."""
        return self.wide and any(trace["type"] == "heatmap" for trace in self.figure["data"])

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
    """The titles of both axes and of what tells the series apart; the types are Plotly's, such as
    "category"."""

    x: str = ""
    y: str = ""
    x_type: str = "-"
    y_type: str = "-"
    series: str = ""


def bars(
    key: str,
    title: str,
    sentence: str,
    categories: Sequence[Any],
    series: Mapping[str, Sequence[Number | None]],
    *,
    axes: Axes,
    stacked: bool = False,
    sideways: bool = False,
    wide: bool = False,
) -> Chart:
    """One bar, or one group or stack of bars, for each category; `sideways` for long names."""
    traces = [
        {"type": "bar", "name": name, "x": list(categories), "y": list(values)}
        for name, values in series.items()
    ]
    layout = _layout(axes, legend=len(series) > 1) | {"barmode": "stack" if stacked else "group"}
    if sideways:
        traces, layout = _sideways(traces, layout)
    columns, rows = _table(axes, categories, series)
    return Chart(key, title, sentence, {"data": traces, "layout": layout}, columns, rows, wide)


def lines(
    key: str,
    title: str,
    sentence: str,
    x: Sequence[Any],
    series: Mapping[str, Sequence[Number | None]],
    *,
    axes: Axes,
    diagonal: bool = False,
) -> Chart:
    """One line for each series; `diagonal` adds the line on which y equals x."""
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": list(x),
            "y": list(values),
            "connectgaps": True,
        }
        for name, values in series.items()
    ]
    layout = _layout(axes, legend=len(series) > 1)
    if diagonal:
        layout["shapes"] = [_diagonal(min(x, default=0), max(x, default=1))]
    columns, rows = _table(axes, x, series)
    return Chart(key, title, sentence, {"data": traces, "layout": layout}, columns, rows)


def scatter(
    key: str,
    title: str,
    sentence: str,
    points: Sequence[tuple[Number, Number]],
    *,
    axes: Axes,
) -> Chart:
    """Points x, y in one unit, with the line on which y equals x."""
    x, y = [point[0] for point in points], [point[1] for point in points]
    trace = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": {"opacity": 0.4}}
    layout = _layout(axes, legend=False)
    layout["shapes"] = [_diagonal(min(x, default=0), max(x, default=1))]
    columns, rows = (axes.x, axes.y), tuple(zip(x, y, strict=True))
    return Chart(key, title, sentence, {"data": [trace], "layout": layout}, columns, rows)


def heat_map(
    key: str,
    title: str,
    sentence: str,
    *,
    x: Sequence[str],
    y: Sequence[str],
    values: Sequence[Sequence[Number | None]],
    axes: Axes,
    notes: Sequence[Sequence[str]] | None = None,
    wide: bool = False,
) -> Chart:
    """A cell for every x and y, coloured the more strongly the larger its value >= 0; `notes` are
    written into the cells instead of the values."""
    texts = notes or [["" if v is None else f"{v:g}" for v in row] for row in values]
    trace = {
        "type": "heatmap",
        "x": list(x),
        "y": list(y),
        "z": [list(row) for row in values],
        # Plotly's own range begins at the least value, and gives nothing but zeros a strong colour.
        "zmin": 0,
        "zmax": max((value or 0 for row in values for value in row), default=0) or 1,
        "text": [list(row) for row in texts],
        "texttemplate": "%{text}",
        "hovertemplate": "%{y}, %{x}: %{text}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
    }
    layout = _layout(axes, legend=False)
    layout["yaxis"] |= {"autorange": "reversed", "type": "category"}
    layout["xaxis"] |= {"type": "category"}
    rows = tuple((name, *row) for name, row in zip(y, texts, strict=True))
    return Chart(
        key, title, sentence, {"data": [trace], "layout": layout}, (axes.y, *x), rows, wide
    )


def boxes(
    key: str,
    title: str,
    sentence: str,
    groups: Mapping[str, Mapping[str, Sequence[Number]]],
    *,
    axes: Axes,
    wide: bool = False,
) -> Chart:
    """Box plots of five numbers each (5 %, 25 %, 50 %, 75 %, 95 %): series → category → numbers."""
    traces = []
    rows: list[tuple[Any, ...]] = []
    for name, categories in groups.items():
        fives = list(categories.values())
        traces.append(
            {
                "type": "box",
                "name": name,
                "x": list(categories),
                "lowerfence": [five[0] for five in fives],
                "q1": [five[1] for five in fives],
                "median": [five[2] for five in fives],
                "q3": [five[3] for five in fives],
                "upperfence": [five[4] for five in fives],
            }
        )
        rows += [(category, name, *five) for category, five in categories.items()]
    layout = _layout(axes, legend=len(groups) > 1) | {"boxmode": "group"}
    columns = (axes.x, axes.series, "5 %", "25 %", "50 %", "75 %", "95 %")
    figure = {"data": traces, "layout": layout}
    return Chart(key, title, sentence, figure, columns, tuple(rows), wide)


def as_csv(chart: Chart) -> str:
    """The chart's table with a header, in UTF-8 text that spreadsheets open."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(chart.columns)
    writer.writerows(chart.rows)
    return "\ufeff" + text.getvalue()


def _layout(axes: Axes, *, legend: bool) -> dict[str, Any]:
    return {
        "xaxis": _axis(axes.x, axes.x_type),
        "yaxis": _axis(axes.y, axes.y_type),
        "showlegend": legend,
        "legend": {"traceorder": "normal"},
    }


def _axis(title: str, kind: str) -> dict[str, Any]:
    return {"title": {"text": title, "standoff": 10}, "type": kind, "automargin": True}


def _diagonal(low: Number, high: Number) -> dict[str, Any]:
    line = {"dash": "dot", "width": 1}
    return {"type": "line", "x0": low, "y0": low, "x1": high, "y1": high, "line": line}


def _sideways(
    traces: list[dict[str, Any]], layout: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The same bars lying, the first category on top, its name broken into short lines."""
    turned = [
        trace | {"orientation": "h", "x": trace["y"], "y": [_broken(x) for x in trace["x"]]}
        for trace in traces
    ]
    upright = layout["yaxis"]
    names = layout["xaxis"] | {"title": {"text": ""}, "type": "category", "autorange": "reversed"}
    return turned, layout | {"xaxis": upright, "yaxis": names}


def _broken(name: Any) -> str:
    return "<br>".join(textwrap.wrap(str(name), _LINE))


def _table(
    axes: Axes, categories: Sequence[Any], series: Mapping[str, Sequence[Number | None]]
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Columns and rows: a category and its value in every series."""
    return (axes.x, *series), tuple(zip(categories, *series.values(), strict=True))
