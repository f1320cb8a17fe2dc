"""Results as a table, one row a face, for spreadsheets and statistics programs.

Columns are named as the API's JSON names its fields, a dot for each level.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from xlsxwriter import Workbook

from vision.attributes import ATTRIBUTES, FACE_FIELDS, Attribute

from .api.serializers import FaceSerializer
from .messages import explain, kind_of
from .models import Face, Prediction

Cell = str | int | float | bool | datetime | None

FAILURE = ("failure.code", "failure.message")
"""The columns of tables in which there is more than results."""

_LONGEST_CELL = 32_767  # characters, of a workbook
_AGE = ("years", "low", "high", "coverage")

# A spreadsheet runs a text that begins with one of these as a formula (OWASP, "CSV Injection"), in
# East Asia the wide ones too. So does one that begins behind a semicolon or a tab, which where they
# separate columns end a cell whether it is quoted or not.
_FORMULA_START = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


def columns() -> list[str]:
    """The names of all columns, in their order."""
    return [
        *("photo", "id", "status", "model_version", "created_at", "face"),
        *_columns_of(FaceSerializer()),
        *(name for attribute in ATTRIBUTES.values() for name in _estimate(attribute, None)),
        *(f"correction.{name}" for name in ATTRIBUTES),
    ]


def rows(predictions: Iterable[Prediction]) -> Iterator[dict[str, Cell]]:
    """One row for each face, and one for a prediction without any; by the names of `columns`.

    `face` counts from 1, as pages do. What nothing is known of is None, or not in the row:
    everything of a face where there is none, an estimate that was not made or is withheld.
    """
    serializer = FaceSerializer()
    for prediction in predictions:
        of_photo: dict[str, Cell] = {
            "photo": prediction.photo.name,
            "id": str(prediction.pk),
            "status": prediction.status,
            "model_version": getattr(prediction.model_version, "name", None),
            "created_at": prediction.created_at,
            **failure_cells(prediction.failure_code, prediction.failure_parameters),
        }
        faces = list(prediction.faces.all())
        for face in faces:
            yield of_photo | _of_face(face, serializer)
        if not faces:
            yield of_photo


def failure_cells(code: str, parameters: Mapping[str, Any]) -> dict[str, Cell]:
    """The cells that say why there is no result; none where there is one."""
    if not code:
        return {}
    return dict(zip(FAILURE, (kind_of(code), explain(code, parameters)), strict=True))


def as_csv(names: Sequence[str], table: Iterable[Mapping[str, Cell]]) -> str:
    """What `csv_lines` gives, as one text."""
    return "".join(csv_lines(names, table))


def csv_lines(names: Sequence[str], table: Iterable[Mapping[str, Cell]]) -> Iterator[str]:
    """A table with a header, line by line, with the mark by which Excel knows UTF-8.

    Booleans are `true` and `false`, times are ISO 8601. Text that a spreadsheet would run as a
    formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    text.write("\ufeff")
    writer.writerow(names)
    for row in table:
        writer.writerow([_as_text(row.get(name)) for name in names])
        yield _taken(text)
    yield _taken(text)


def json_lines(names: Sequence[str], table: Iterable[Mapping[str, Cell]]) -> Iterator[str]:
    """A table as JSON lines: an object a row, with every column. Times are ISO 8601."""
    for row in table:
        cells = {name: row.get(name) for name in names}
        yield json.dumps(cells, ensure_ascii=False, default=_iso) + "\n"


def write_xlsx(
    file: IO[bytes], names: Sequence[str], table: Iterable[Mapping[str, Cell]], folder: Path
) -> None:
    """Write a table as an Excel workbook of one sheet, row by row, so that no memory grows with it.

    Text is never a formula or a link, whatever it begins with. Times are those of UTC, since
    spreadsheets know no zones. `folder`: where temporary files go.
    """
    options = {"constant_memory": True, "tmpdir": str(folder)}
    with Workbook(file, options) as book:
        sheet = book.add_worksheet("FaceRoute")
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(names):
            sheet.write_string(0, column, name)
        for number, row in enumerate(table, 1):
            for column, name in enumerate(names):
                _write_cell(sheet, number, column, row.get(name), moment)


def _write_cell(sheet: Any, row: int, column: int, cell: Cell, moment: Any) -> None:
    match cell:
        case bool():
            sheet.write_boolean(row, column, cell)
        case int() | float():
            sheet.write_number(row, column, cell)
        case datetime():
            at = cell.astimezone(UTC).replace(tzinfo=None)
            sheet.write_datetime(row, column, at, moment)
        case str():
            sheet.write_string(row, column, cell[:_LONGEST_CELL])


def _taken(text: io.StringIO) -> str:
    """What was written since the last time."""
    written = text.getvalue()
    text.seek(0)
    text.truncate()
    return written


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a table.")


def _columns_of(serializer: FaceSerializer) -> dict[str, tuple[str, ...]]:
    """By column, where its cell stands in a face's JSON: what is there beside the estimates."""
    columns: dict[str, tuple[str, ...]] = {}
    for name in FACE_FIELDS:
        if name != "index":  # `face` counts for it
            parts = getattr(serializer.fields[name], "fields", None)
            paths = [(name, part) for part in parts] if parts else [(name,)]
            columns |= {".".join(path): path for path in paths}
    return columns


def _of_face(face: Face, serializer: FaceSerializer) -> dict[str, Cell]:
    told = serializer.to_representation(face)
    row: dict[str, Cell] = {"face": face.index + 1}
    for column, path in _columns_of(serializer).items():
        row[column] = _cell(told, path)
    for attribute in ATTRIBUTES.values():
        row |= _estimate(attribute, face.estimate(attribute.name))
    corrected = told["correction"] or {}
    return row | {f"correction.{name}": value for name, value in corrected.items()}


def _estimate(attribute: Attribute, estimate: Mapping[str, Any] | None) -> dict[str, Cell]:
    """The cells of one attribute, by column; None where nothing was estimated."""
    known = estimate or {}
    if attribute.kind == "age":
        cells = {name: known.get(name) for name in _AGE}
    else:
        probabilities = known.get("probabilities", {})
        cells = {
            "label": known.get("label"),
            "probability": known.get("probability"),
            **{f"probabilities.{label}": probabilities.get(label) for label in attribute.labels},
        }
    return {f"{attribute.name}.{name}": cell for name, cell in cells.items()}


def _cell(told: Any, path: Sequence[str]) -> Cell:
    """What stands there in a face's JSON; of warnings their codes."""
    for name in path:
        told = (told or {}).get(name)
    return " ".join(one["code"] for one in told) if isinstance(told, list) else told


def _as_text(cell: Cell) -> str | int | float | None:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, datetime):
        return cell.isoformat()
    return _FORMULA_START.sub(r"\1'", cell) if isinstance(cell, str) else cell
