"""What came out of a batch, photo by photo: in pages, and as one table in a file.

Predictions and refused files stand in one list, in the order of sending.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from predictions import tables
from predictions.models import Prediction
from predictions.tables import Cell

from .contents import predictions_of
from .models import Batch, RefusedPhoto

_CHUNK = 100  # photos that are in memory at a time


class Place(NamedTuple):
    """Where something stands in the list: by when it was sent, and, of two at the same time, by
    its key."""

    at: datetime
    key: str

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.key}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """Raises ValueError for a text that is no place."""
        at, _separator, key = text.partition("_")
        place = cls(datetime.fromisoformat(at), key)
        if place.at.tzinfo is None:
            raise ValueError(text)
        return place


def places(batch: Batch) -> list[tuple[Place, Prediction | RefusedPhoto]]:
    """Everything in a batch by its place, as rows that are not loaded but for their keys."""
    sent = predictions_of(batch).order_by().only("pk", "created_at")
    refused = batch.refused.order_by().only("pk", "batch", "created_at")
    rows: list[Prediction | RefusedPhoto] = [*sent, *refused]
    return sorted(((Place(one.created_at, str(one.pk)), one) for one in rows), key=_by_place)


def page(
    batch: Batch, after: Place | None, most: int
) -> tuple[list[Prediction | RefusedPhoto], Place | None]:
    """At most so many of a batch that follow a place, and the place of the last where more
    follow."""
    following = [one for one in places(batch) if after is None or one[0] > after]
    chosen = following[:most]
    return list(_loaded(row for _place, row in chosen)), (
        chosen[-1][0] if len(following) > most else None
    )


def rows(batch: Batch) -> Iterator[dict[str, Cell]]:
    """The table of a batch: a row a face, one for a photo without any (`status` says why), and one
    for a refused file; by the names of `exports.columns`."""
    for one in loaded([row for _place, row in places(batch)]):
        yield from _table(one)


def loaded(
    found: Sequence[Prediction | RefusedPhoto],
) -> Iterator[Prediction | RefusedPhoto]:
    """Rows of `places` whole, a part of them in memory at a time, without those that were deleted
    meanwhile."""
    for start in range(0, len(found), _CHUNK):
        yield from _loaded(found[start : start + _CHUNK])


def _by_place(one: tuple[Place, Prediction | RefusedPhoto]) -> Place:
    return one[0]


def _loaded(found: Iterable[Prediction | RefusedPhoto]) -> Iterator[Prediction | RefusedPhoto]:
    """The rows whole, in the order given; those that were deleted meanwhile are left out.

    Each time a query of its own: what streams a table reads it in several threads.
    """
    keys = list(found)
    sent = [one.pk for one in keys if isinstance(one, Prediction)]
    refused = [one.pk for one in keys if isinstance(one, RefusedPhoto)]
    whole = Prediction.objects.select_related("photo", "model_version")
    whole = whole.defer("model_version__manifest", "model_version__report")
    by_key: dict[object, Prediction | RefusedPhoto] = {
        **whole.prefetch_related("faces__correction").in_bulk(sent),
        **RefusedPhoto.objects.in_bulk(refused),
    }
    return (by_key[one.pk] for one in keys if one.pk in by_key)


def _table(one: Prediction | RefusedPhoto) -> Iterator[dict[str, Cell]]:
    if isinstance(one, Prediction):
        yield from tables.rows([one])
    else:
        yield {
            "photo": one.name,
            "status": "refused",
            "created_at": one.created_at,
            **tables.failure_cells(one.failure_code, one.failure_parameters),
        }
