"""The table of a batch on its page: a row a face, narrowed and sorted as its reader likes.

A row is light, so that all of a thousand photos can be sorted and counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from predictions.messages import FailureCode
from predictions.models import Face, Prediction, Status
from predictions.searching import FaceQuery, searchable_labels
from vision.attributes import AGE

from .contents import predictions_of
from .models import Batch

OUTCOMES = ("face", "no_face", "waiting", "running", "failed", "cancelled", "refused")


@dataclass(frozen=True)
class Row:
    """A face, or a photo or file without one; what it has not is None.

    `outcome`: one of `OUTCOMES`. `key`: of the prediction, or of the row of a refused file.
    `index`: the face's in its photo, from 0. `labels` and `probabilities`: by attribute, of the
    heads that are switched on. `is_reliable`: whether there are no warnings about the face.
    """

    outcome: str
    name: str
    sent_at: datetime
    key: UUID | int
    index: int | None = None
    age: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    is_reliable: bool | None = None


@dataclass(frozen=True)
class TableQuery:
    """What rows are asked for. Empty texts and a `FaceQuery` of nothing ask for everything.

    `outcome`: one of `OUTCOMES`. `name`: a part of the file name, in whatever case. `sort`: one of
    `sorts`; rows sorted by an attribute go by its label and then by the probability.
    """

    outcome: str = ""
    name: str = ""
    faces: FaceQuery = field(default_factory=FaceQuery)
    sort: str = "sent"
    is_descending: bool = False


def rows_of(batch: Batch, wanted: TableQuery | None = None) -> list[Row]:
    """The rows of a batch that match, sorted; those without what is sorted by come last."""
    wanted = wanted or TableQuery()
    predictions = wanted.faces.narrow(predictions_of(batch).order_by())
    rows = [*_of_faces(predictions, wanted.faces)]
    if not wanted.faces.of_one_face():
        rows += _without_faces(predictions)
    if not wanted.faces.asks_for_something:
        rows += _refused(batch)
    part = wanted.name.lower()
    return _sorted(
        [row for row in rows if wanted.outcome in ("", row.outcome) and part in row.name.lower()],
        wanted,
    )


def sorts() -> list[str]:
    """What tables can be sorted by."""
    ages = [AGE.name] if AGE.name in settings.HEADS else []
    return ["sent", "name", *ages, *(one.name for one in searchable_labels())]


def _of_faces(predictions: QuerySet[Prediction], wanted: FaceQuery) -> Iterator[Row]:
    faces = Face.objects.filter(wanted.of_one_face(), prediction__in=predictions.values("pk"))
    found = faces.order_by().values_list(
        "prediction",
        "prediction__photo__name",
        "prediction__created_at",
        "index",
        "estimates",
        "quality",
    )
    for key, name, at, index, estimates, quality in found:
        known = {head: made for head in settings.HEADS if (made := estimates.get(head))}
        age = known.pop(AGE.name, None)
        yield Row(
            "face",
            name,
            at,
            key,
            index,
            age=age and age["years"],
            labels={head: made["label"] for head, made in known.items()},
            probabilities={head: made["probability"] for head, made in known.items()},
            is_reliable=quality and quality["reliable"],
        )


def _without_faces(predictions: QuerySet[Prediction]) -> Iterator[Row]:
    rest = predictions.exclude(face_count__gt=0)
    found = rest.values_list("pk", "photo__name", "created_at", "status", "failure_code")
    for key, name, at, status, code in found:
        yield Row(_outcome(status, code), name, at, key)


def _outcome(status: str, failure_code: str) -> str:
    match status:
        case Status.FAILED:
            return "cancelled" if failure_code == FailureCode.BATCH_CANCELLED else "failed"
        case Status.QUEUED:
            return "waiting"
        case Status.RUNNING:
            return "running"
    return "no_face"


def _refused(batch: Batch) -> Iterator[Row]:
    for key, name, at in batch.refused.order_by().values_list("pk", "name", "created_at"):
        yield Row("refused", name, at, key)


def _sorted(rows: list[Row], wanted: TableQuery) -> list[Row]:
    """By what is asked for, and what is alike by that in the order of sending."""
    rows = sorted(rows, key=lambda row: (row.sent_at, str(row.key), row.index or 0))
    key = _sort_key(wanted.sort)
    known = sorted(
        (row for row in rows if key(row) is not None), key=key, reverse=wanted.is_descending
    )
    return [*known, *(row for row in rows if key(row) is None)]


def _sort_key(sort: str) -> Callable[[Row], Any]:
    match sort:
        case "sent":
            return lambda row: row.sent_at
        case "name":
            return lambda row: row.name.lower()
        case "age":
            return lambda row: row.age
    return lambda row: (row.labels[sort], row.probabilities[sort]) if sort in row.labels else None
