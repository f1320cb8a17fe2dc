"""A plot as SVG inside of HTML, coloured by the page's style sheet (training/charts.css).

What stretches with the page (bars, lines, cells) is drawn in a square of 100 by 100 that is
stretched; words are placed in per cent, so that they keep their size on any screen.
"""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from .plots import Bar, Box, Cell, Curve, Plot, Rule, Tick

_LINE = 22  # characters of a row's name in one line
_LETTER = 6.6  # pixels that a letter of Latin is wide
_LINE_HEIGHT = 14  # pixels
# Charts narrower than that set the names below the axis aslant: classes of the style sheet.
_ROOMS = (240, 300, 360, 420, 480, 560, 700, 900)


def drawn(plot: Plot) -> SafeString:
    """The whole plot: legend, axes and marks."""
    names = [_wrapped(tick.label) if plot.row_names else [tick.label] for tick in plot.y_ticks]
    left = round(max((_width(line) for name in names for line in name), default=0)) + 10
    return format_html(
        '{}<div class="fr-plot {}">{}<svg class="fr-y" width="{}" aria-hidden="true">{}</svg>'
        '<svg class="fr-area" aria-hidden="true">{}{}{}{}</svg></div>{}',
        _legend(plot.series),
        _room(left, plot.x_ticks),
        _words("p", "fr-y-title", "" if plot.row_names and plot.cells else plot.y_title),
        left,
        _joined(_y_name(tick.at, name) for tick, name in zip(plot.y_ticks, names, strict=True)),
        _stretched(plot),
        _joined(map(_points, plot.curves)),
        _joined(_cell_text(cell) for cell in plot.cells if cell.text),
        _joined(map(_x_name, plot.x_ticks)),
        _words("p", "fr-x-title", plot.x_title),
    )


def _stretched(plot: Plot) -> SafeString:
    return format_html(
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">'
        "{}{}{}{}{}{}{}</svg>",
        _grid(plot),
        _joined(map(_bar, plot.bars)),
        _joined(map(_cell, plot.cells)),
        _joined(map(_box, plot.boxes)),
        _joined(map(_rule, plot.rules)),
        _joined(map(_line, plot.curves)),
        _dots(plot.dots),
    )


def _grid(plot: Plot) -> SafeString:
    """Lines across at the ticks of the axis that has numbers."""
    if plot.cells:
        return SafeString()
    if plot.row_names:
        path = "".join(f"M{_of(tick.at)} 0V100" for tick in plot.x_ticks)
    else:
        path = "".join(f"M0 {_of(tick.at)}H100" for tick in plot.y_ticks)
    return format_html('<path class="fr-grid" d="{}"/>', path)


def _bar(bar: Bar) -> SafeString:
    return format_html(
        '<rect class="fr-s{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        *(bar.series, *map(_of, (bar.x, bar.y, bar.width, bar.height)), bar.tip),
    )


def _cell(cell: Cell) -> SafeString:
    shade = "" if cell.strength is None else format_html(
        ' fill-opacity="{}"', f"{cell.strength:.2f}"
    )  # fmt: skip
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"{}>{}</rect>',
        "fr-grey" if cell.strength is None else "fr-cell",
        *map(_of, (cell.x, cell.y, cell.width, cell.height)),
        shade,
        _title(cell.tip),
    )


def _box(box: Box) -> SafeString:
    low, lower, middle, upper, high = map(_of, box.fences)
    left, right, centre = map(_of, (box.x, box.x + box.width, box.x + box.width / 2))
    return format_html(
        '<g class="fr-box fr-s{}"><title>{}</title><path d="{}"/><path d="{}"/></g>',
        box.series,
        box.tip,
        f"M{left} {lower}H{right}V{upper}H{left}Z",
        f"M{centre} {low}V{lower}M{centre} {upper}V{high}M{left} {middle}H{right}"
        f"M{left} {low}H{right}M{left} {high}H{right}",
    )


def _rule(rule: Rule) -> SafeString:
    ends = map(_of, (rule.x1, rule.y1, rule.x2, rule.y2))
    return format_html('<path class="fr-rule" d="{}"/>', "M{} {}L{} {}".format(*ends))


def _line(curve: Curve) -> SafeString:
    path = "L".join(f"{_of(x)} {_of(y)}" for x, y in curve.points)
    return format_html('<path class="fr-line fr-s{}" d="M{}"/>', curve.series, path)


def _points(curve: Curve) -> SafeString:
    return format_html_join(
        "",
        '<circle class="fr-s{}" cx="{}%" cy="{}%" r="3.5"><title>{}</title></circle>',
        (
            (curve.series, _of(x), _of(y), tip)
            for (x, y), tip in zip(curve.points, curve.tips, strict=True)
        ),
    )


def _dots(dots: Iterable[tuple[float, float]]) -> SafeString:
    """All in one path, of lines without length that have round ends."""
    path = "".join(f"M{_of(x)} {_of(y)}h0" for x, y in dots)
    return format_html('<path class="fr-dots" d="{}"/>', path) if path else SafeString()


def _cell_text(cell: Cell) -> SafeString:
    at = _of(cell.x + cell.width / 2), _of(cell.y + cell.height / 2)
    return format_html('<text class="fr-in" x="{}%" y="{}%" dy="4">{}</text>', *at, cell.text)


def _x_name(tick: Tick) -> SafeString:
    return format_html(
        '<svg x="{}%" y="100%" class="fr-tick"><text dy="16">{}</text></svg>',
        _of(tick.at),
        tick.label,
    )


def _y_name(at: float, lines: list[str]) -> SafeString:
    first = 4 - _LINE_HEIGHT * (len(lines) - 1) / 2
    return format_html_join(
        "",
        '<text x="100%" dx="-8" y="{}%" dy="{}">{}</text>',
        ((_of(at), first + n * _LINE_HEIGHT, line) for n, line in enumerate(lines)),
    )


def _legend(series: tuple[str, ...]) -> SafeString:
    entries = format_html_join(
        "", '<li><i class="fr-s{}"></i>{}</li>', ((n, name) for n, name in enumerate(series))
    )
    return format_html('<ul class="fr-legend">{}</ul>', entries) if series else SafeString()


def _room(left: int, ticks: tuple[Tick, ...]) -> str:
    """How wide a chart has to be for the names below it to stand side by side."""
    needed = left + len(ticks) * (max((_width(tick.label) for tick in ticks), default=0) + 6)
    return f"fr-room-{next((room for room in _ROOMS if needed <= room), 'never')}"


def _wrapped(name: str) -> list[str]:
    return textwrap.wrap(name, _LINE) or [""]


def _width(text: str) -> float:
    """About how many pixels a text is wide; letters of Korean are twice as wide as Latin ones."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return _LETTER * (len(text) + 0.8 * wide)


def _words(tag: str, css: str, text: str) -> SafeString:
    return format_html(f'<{tag} class="{{}}">{{}}</{tag}>', css, text) if text else SafeString()


def _title(tip: str) -> SafeString:
    return format_html("<title>{}</title>", tip) if tip else SafeString()


def _joined(parts: Iterable[SafeString] | Iterator[SafeString]) -> SafeString:
    return mark_safe("".join(parts))  # noqa: S308  # each part is made by format_html


def _of(share: float) -> str:
    """A share of 1 in hundredths, as SVG writes it."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".")
