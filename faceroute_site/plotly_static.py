"""Plotly's script out of its wheel, as a static file: charts need no CDN and no build step."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

SCRIPT = "plotly/plotly.min.js"


class PlotlyFinder(BaseFinder):
    """Finds `plotly/plotly.min.js` and nothing else: the wheel's folder holds much more."""

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        spec = find_spec("plotly")  # found, not imported: that takes a second
        origin = spec.origin if spec else None
        folder = Path(origin).parent if origin else Path("plotly")
        self._storage = FileSystemStorage(location=folder / "package_data")
        self._storage.prefix = "plotly"  # type: ignore[attr-defined]  # collectstatic reads it

    def find(self, path: str, find_all: bool = False, **_options: Any) -> Any:
        found = self._storage.path("plotly.min.js") if path == SCRIPT else None
        return ([found] if found else []) if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:  # noqa: ARG002
        yield "plotly.min.js", self._storage
