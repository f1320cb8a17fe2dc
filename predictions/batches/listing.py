"""A batch as a table: a row a face, one for a photo without faces, one for what failed or was
refused; filtered, sorted, in pages of a bounded length."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import CharField, F, FloatField, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Least, Lower

from predictions.messages import explain
from predictions.models import Face, Prediction, Status
from predictions.presentation import FaceCard, face_cards
from predictions.searching import searchable_labels

from .contents import predictions_of
from .models import Batch, RefusedPhoto

PAGE = 50
FACES, NO_FACE, FAILED, REFUSED = "faces", "no_face", "failed", "refused"

_ORDERS = {
    "name": Lower("photo__name"),
    "age": F("face_age"),
    "confidence": F("face_confidence"),
    "size": F("face_width"),
}


@dataclass(frozen=True)
class Wanted:
    """Which rows are asked for; empty, all, in the order of sending.

    `show`: one of the four kinds of rows. `name`: a part of the file's name, in whatever case.
    `labels`: attribute → estimated label. `youngest` and
    `oldest`: the estimated age in years, both included. `surest`, `least_sure`: bounds of the
    confidence, 0 to 1. `is_clear`: whether the photo shows the face well enough that nothing is
    warned of. `sort`: a column, with a minus for the other way round.
    """

    show: str = ""
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    youngest: int | None = None
    oldest: int | None = None
    least_sure: float | None = None
    surest: float | None = None
    is_clear: bool | None = None
    sort: str = ""

    @property
    def is_about_faces(self) -> bool:
        """Whether only rows of faces can match."""
        bounds = (self.youngest, self.oldest, self.least_sure, self.surest, self.is_clear)
        return bool(self.labels) or any(bound is not None for bound in bounds)


@dataclass(frozen=True)
class Row:
    """A row of the table; `failure` is a sentence in the reader's language."""

    kind: str
    name: str
    prediction: Prediction | None = None
    card: FaceCard | None = None
    failure: str = ""


@dataclass(frozen=True)
class Page:
    """The rows of one page, of `count` in all; pages count from 1."""

    rows: list[Row]
    number: int
    pages: int
    count: int


def page_of(batch: Batch, wanted: Wanted, number: int = 1) -> Page:
    """A page of the table; the last one where `number` is beyond."""
    told, refused = _of_photos(batch, wanted), _refused(batch, wanted)
    first = told.count()
    count = first + refused.count()
    pages = max(1, -(-count // PAGE))
    number = min(max(1, number), pages)
    start, end = (number - 1) * PAGE, number * PAGE
    keys = list(told[start:end].values_list("pk", "face_key"))
    rows = _rows(keys)
    late = refused[max(0, start - first) : max(0, end - first)]
    rows += [
        Row(REFUSED, one.name, failure=explain(one.failure_code, one.failure_parameters))
        for one in late
    ]
    return Page(rows, number, pages, count)


def _of_photos(batch: Batch, wanted: Wanted) -> "QuerySet[Any]":
    """A row a face, and one for a photo without any; predictions that are over.

    What is asked of a face is asked of these columns, which are all of one and the same.
    """
    found = predictions_of(batch).filter(status__in=[Status.DONE, Status.FAILED])
    rows = found.annotate(
        face_key=F("faces__pk"),
        face_index=F("faces__index"),
        face_age=F("faces__age_years"),
        face_width=F("faces__width"),
        face_warnings=KeyTransform("warnings", F("faces__quality")),
        face_confidence=_confidence(),
        **{f"face_{one.name}": _label(one.name) for one in searchable_labels()},
    )
    return rows.filter(_condition(wanted)).order_by(*_order(wanted.sort))


def _condition(wanted: Wanted) -> Q:
    match wanted.show:
        case "faces":
            found = Q(face_key__isnull=False)
        case "no_face":
            found = Q(face_key__isnull=True, status=Status.DONE)
        case "failed":
            found = Q(status=Status.FAILED)
        case "refused":
            found = Q(pk__in=[])
        case _:
            found = Q()
    bounds = {
        "face_age__gte": wanted.youngest,
        "face_age__lte": wanted.oldest,
        "face_confidence__gte": wanted.least_sure,
        "face_confidence__lt": wanted.surest,
        **{f"face_{name}": label for name, label in wanted.labels.items()},
    }
    found &= Q(**{name: bound for name, bound in bounds.items() if bound is not None})
    if wanted.name:
        found &= Q(photo__name__icontains=wanted.name)
    if wanted.is_clear is not None:
        clear = Q(face_warnings=[])
        found &= Q(face_warnings__isnull=False) & (clear if wanted.is_clear else ~clear)
    return found


def _label(attribute: str) -> Cast:
    return Cast(_told("label", attribute), CharField(max_length=40))


def _told(key: str, attribute: str) -> KeyTextTransform:
    return KeyTextTransform(key, KeyTransform(attribute, F("faces__estimates")))


def _confidence() -> Any:
    """How sure the least sure label of a face is, 0 to 1."""
    shares = [Cast(_told("probability", one.name), FloatField()) for one in searchable_labels()]
    known: list[Any] = shares or [Value(None, output_field=FloatField())]
    return Least(*known) if len(known) > 1 else known[0]


def _order(sort: str) -> Iterable[Any]:
    labels = {one.name: F(f"face_{one.name}") for one in searchable_labels()}
    column: Any = {**_ORDERS, **labels}.get(sort.removeprefix("-"))
    if column is not None:
        way = column.desc if sort.startswith("-") else column.asc
        yield way(nulls_last=True)
    yield from ("created_at", "pk", "face_index")


def _refused(batch: Batch, wanted: Wanted) -> QuerySet[RefusedPhoto]:
    if wanted.show not in {"", REFUSED} or wanted.is_about_faces:
        return RefusedPhoto.objects.none()
    return batch.refused.filter(name__icontains=wanted.name).order_by("created_at", "pk")


def _rows(keys: list[tuple[Any, Any]]) -> list[Row]:
    """Everything of a page is fetched at once, however many faces it has."""
    found = Prediction.objects.select_related("photo").in_bulk([pk for pk, _face in keys])
    faces = Face.objects.select_related("correction").in_bulk([face for _pk, face in keys if face])
    cards = dict(zip(faces, face_cards(list(faces.values())), strict=True))
    return [_row(found[pk], cards.get(face)) for pk, face in keys if pk in found]


def _row(prediction: Prediction, card: FaceCard | None) -> Row:
    name = prediction.photo.name
    if card is not None:
        return Row(FACES, name, prediction, card)
    if prediction.status == Status.FAILED:
        return Row(FAILED, name, prediction, failure=prediction.failure)
    return Row(NO_FACE, name, prediction)
