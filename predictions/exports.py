"""Many results as one table in a file, sent while it is made."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, TypeAlias

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.http import StreamingHttpResponse
from django.http.response import FileResponse
from django.utils.http import content_disposition_header

from . import tables
from .models import Prediction
from .tables import Cell

Table: TypeAlias = Iterable[Mapping[str, Cell]]
"""Rows by the names of `columns`."""

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LINES: dict[str, tuple[str, Callable[[Sequence[str], Table], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", tables.csv_lines),
    "jsonl": ("application/jsonl; charset=utf-8", tables.json_lines),
}
KINDS = {"csv": "CSV", "xlsx": "Excel", "jsonl": "JSON"}
"""By their endings, what people call them."""


def table_response(table: Table, stem: str, kind: str) -> StreamingHttpResponse:
    """A table as a file of one of `KINDS`; a workbook alone is made before it is sent.

    `stem`: what the file is called, without its ending. Raises what a workbook's rows raise.
    """
    name = f"{stem}.{kind}"
    if kind == "xlsx":
        book = _workbook(table)
        return FileResponse(book, as_attachment=True, filename=name, content_type=_XLSX)
    content_type, lines = _LINES[kind]
    return StreamingHttpResponse(
        lines(columns(), table),
        content_type=content_type,
        headers={"Content-Disposition": str(content_disposition_header(True, name))},
    )


def csv_parts(slices: Iterable[list[Prediction]]) -> Iterator[bytes]:
    """The text of such a table in UTF-8, its header first."""
    for line in tables.csv_lines(columns(), rows_of(slices)):
        yield line.encode()


def columns() -> list[str]:
    """The names of all columns: those of results, and why there is none."""
    return [*tables.columns(), *tables.FAILURE]


def rows_of(slices: Iterable[list[Prediction]]) -> Iterator[dict[str, Cell]]:
    """A row a face, one for a prediction without any; a slice of them is in memory at a time."""
    for slice_ in slices:
        prefetch_related_objects(slice_, "faces__correction")
        yield from tables.rows(slice_)


class TableTooLong(Exception):
    """A workbook is asked for with more rows than are made in one go."""


def bounded(table: Table, most: int) -> Iterator[Mapping[str, Cell]]:
    """The rows of a table. Raises TableTooLong instead of one more than `most`."""
    for number, row in enumerate(table):
        if number == most:
            raise TableTooLong
        yield row


def _workbook(table: Table) -> IO[bytes]:
    """An open file without a name, to be read from its beginning."""
    folder = settings.INCOMING_ROOT
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # whoever sends it closes it
    try:
        tables.write_xlsx(file, columns(), table, folder)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
