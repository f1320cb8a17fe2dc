"""Results as a table, one row a face, for spreadsheets and statistics programs.

Columns are named as the API's JSON names its fields, a dot for each level.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from vision.attributes import ATTRIBUTES, Attribute

from .api.serializers import QualitySerializer
from .models import Face, Prediction

Cell = str | int | float | bool | datetime | None

_BOX = ("x", "y", "width", "height")
_AGE = ("years", "low", "high", "coverage")

# A spreadsheet runs a text that begins with one of these as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def columns() -> list[str]:
    """The names of all columns, in their order."""
    return [
        *("photo", "id", "status", "model_version", "created_at", "face"),
        *(f"box.{name}" for name in _BOX),
        "detection_confidence",
        *(f"quality.{name}" for name in QualitySerializer().fields),
        *(name for attribute in ATTRIBUTES.values() for name in _estimate(attribute, None)),
    ]


def rows(predictions: Iterable[Prediction]) -> Iterator[dict[str, Cell]]:
    """One row for each face, and one for a prediction without any; by the names of `columns`.

    `face` counts from 1, as pages do. What nothing is known of is None, or not in the row:
    everything of a face where there is none, an estimate that was not made or is withheld.
    """
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
            yield of_photo | _of_face(face)
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


def _of_face(face: Face) -> dict[str, Cell]:
    quality = dict(face.quality or {})
    quality["warnings"] = " ".join(quality.get("warnings", ()))
    row: dict[str, Cell] = {
        "face": face.index + 1,
        **{f"box.{name}": getattr(face, name) for name in _BOX},
        "detection_confidence": face.detection_confidence,
        **{f"quality.{name}": quality.get(name) for name in QualitySerializer().fields},
    }
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


def _as_text(cell: Cell) -> str | int | float | None:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell
