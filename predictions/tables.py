"""Results as a table, one row a face, for spreadsheets and statistics programs.

Columns are named as the API's JSON names its fields, a dot for each level.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from vision.attributes import ATTRIBUTES, FACE_FIELDS, Attribute

from .api.serializers import FaceSerializer
from .models import Face, Prediction

Cell = str | int | float | bool | datetime | None

_AGE = ("years", "low", "high", "coverage")

# A spreadsheet runs a text that begins with one of these as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def columns() -> list[str]:
    """The names of all columns, in their order."""
    return [
        *("photo", "id", "status", "model_version", "created_at", "face"),
        *_columns_of(FaceSerializer()),
        *(name for attribute in ATTRIBUTES.values() for name in _estimate(attribute, None)),
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
        }
        faces = list(prediction.faces.all())
        for face in faces:
            yield of_photo | _of_face(face, serializer)
        if not faces:
            yield of_photo


def as_csv(names: Sequence[str], table: Iterable[Mapping[str, Cell]]) -> str:
    """A table with a header, as text with the mark by which Excel knows UTF-8.

    Booleans are `true` and `false`, times are ISO 8601. Text that a spreadsheet would run as a
    formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_as_text(row.get(name)) for name in names] for row in table)
    return "\ufeff" + text.getvalue()


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
    return row


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
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell
