"""Charts as data, and as SVG that the server draws: no script, in the colours of the page.

What a chart draws stands in shares of its area (`plots`), its numbers as a table beside it
(`chart`); `builders` makes both, `svg` the drawing.
"""

from .builders import bars, boxes, heat_map, lines, scatter
from .chart import Axes, Chart, Section, as_csv

__all__ = [
    "Axes",
    "Chart",
    "Section",
    "as_csv",
    "bars",
    "boxes",
    "heat_map",
    "lines",
    "scatter",
]
