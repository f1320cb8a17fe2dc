"""What a history is narrowed to, and a walk through it that costs the same wherever it stands.

What an index has in the order of time (state, version, days) is found by it. The rest is looked
for in at most DEPTH results at a time; whoever looks for something rare goes on from there.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from training.long_lists import count_up_to

from .access import Owner
from .models import Prediction
from .searching import FaceQuery, FileQuery
from .unindexed import unindexed

DEPTH = 2000
"""So many results are looked through at a time for what no index has."""

MOST_COUNTED = 1000


@dataclass(frozen=True)
class Position:
    """A place in a history, between two results."""

    created_at: datetime
    pk: UUID

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()}_{self.pk}"

    @classmethod
    def of(cls, text: str) -> "Position | None":
        """None for what is no place."""
        created_at, _separator, pk = text.partition("_")
        try:
            said = datetime.fromisoformat(created_at)
            moment, key = said.astimezone(UTC), UUID(pk)
        except (ValueError, OverflowError):  # the latter: the calendar's ends, in other zones
            return None
        return cls(moment, key) if said.tzinfo else None

    def behind(self, rows: QuerySet[Prediction], *, oldest_first: bool) -> QuerySet[Prediction]:
        """The rows that follow. The index finds where they begin; nothing is counted."""
        return self._side(rows, "gt" if oldest_first else "lt", "")

    def up_to(self, rows: QuerySet[Prediction], *, oldest_first: bool) -> QuerySet[Prediction]:
        """The rows before it, and the one at it."""
        return self._side(rows, "lt" if oldest_first else "gt", "e")

    def _side(self, rows: QuerySet[Prediction], how: str, itself: str) -> QuerySet[Prediction]:
        of_that_moment = Q(created_at=self.created_at, **{f"pk__{how}{itself}": self.pk})
        elsewhere = Q(**{f"created_at__{how}": self.created_at})
        return rows.filter(elsewhere | of_that_moment, **{f"created_at__{how}e": self.created_at})


@dataclass(frozen=True)
class HistoryQuery:
    """Which of somebody's results are wanted, and in which order of time.

    `since` and `until`: both included. `version`: a model version's key.
    """

    status: str = ""
    since: datetime | None = None
    until: datetime | None = None
    version: int | None = None
    files: FileQuery = field(default_factory=FileQuery)
    faces: FaceQuery = field(default_factory=FaceQuery)
    oldest_first: bool = False

    def rows_of(self, owner: Owner) -> QuerySet[Prediction]:
        """The owner's results, among which those that match are found."""
        return owner.predictions(self.files.batch)

    def page(self, rows: QuerySet[Prediction], after: Position | None, size: int) -> "Page":
        """The next results that match, with no more than DEPTH looked through."""
        rest = self._by_index(rows)
        if after:
            rest = after.behind(rest, oldest_first=self.oldest_first)
        end = self._end(rest)
        if end:
            rest = end.up_to(rest, oldest_first=self.oldest_first)
        found = list(self._by_the_rest(rest)[: size + 1])
        if len(found) > size:
            last = found[size - 1]
            return Page(found[:size], Position(last.created_at, last.pk), is_full=True)
        return Page(found, end, is_full=False)

    def walk(self, rows: QuerySet[Prediction], size: int) -> Iterator[list[Prediction]]:
        """All that match, a few at a time, whatever is added or deleted meanwhile."""
        page = self.page(rows, None, size)
        yield page.rows
        while page.next:
            page = self.page(rows, page.next, size)
            yield page.rows

    def count(self, rows: QuerySet[Prediction]) -> tuple[int, bool]:
        """How many match of those that one look goes through, and whether these are all: at most
        MOST_COUNTED + 1 are counted."""
        rest = self._by_index(rows)
        end = self._end(rest)
        if end:
            rest = end.up_to(rest, oldest_first=self.oldest_first)
        number = count_up_to(self._by_the_rest(rest), MOST_COUNTED)
        return number, end is None and number <= MOST_COUNTED

    def as_json(self) -> dict[str, Any]:
        """For `from_json`, in a column."""
        moments = {"since": self.since, "until": self.until}
        told = {name: moment and moment.isoformat() for name, moment in moments.items()}
        whole = {**asdict(self), **told, "files": self.files.as_json()}
        if not whole["files"]:
            del whole["files"]  # which the release before does not know
        return whole

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "HistoryQuery":
        moments = {
            name: told[name] and datetime.fromisoformat(told[name]) for name in ("since", "until")
        }
        queries = {
            "files": FileQuery.from_json(told.get("files", {})),
            "faces": FaceQuery(**told["faces"]),
        }
        return cls(**{**told, **moments, **queries})

    @property
    def _is_found_by_index(self) -> bool:
        if self.files.batch:  # few enough to be looked through whole
            return True
        asks_for_more = self.faces.asks_for_something or bool(self.files.name)
        return not asks_for_more and len(self._columns) <= 1

    @property
    def _columns(self) -> list[dict[str, Any]]:
        """What columns have to be, of which an index finds the first."""
        asked = {
            "photo__batch": self.files.batch,
            "model_version": self.version,
            "status": self.status,
        }
        return [{name: value} for name, value in asked.items() if value not in {None, ""}]

    def _by_index(self, rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
        for column in self._columns[:1]:
            rows = rows.filter(**column)
        if self.since:
            rows = rows.filter(created_at__gte=self.since)
        if self.until:
            rows = rows.filter(created_at__lte=self.until)
        order = ("created_at", "pk") if self.oldest_first else ("-created_at", "-pk")
        return rows.order_by(*order)

    def _by_the_rest(self, rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
        for column in self._columns[1:]:
            rows = unindexed(rows, **column) if self.files.batch else rows.filter(**column)
        return self.faces.narrow(replace(self.files, batch=None).narrow(rows))

    def _end(self, rows: QuerySet[Prediction]) -> Position | None:
        """Where one look through ends; None where it comes to the end of all."""
        if self._is_found_by_index:
            return None
        ends = list(rows.values_list("created_at", "pk")[DEPTH - 1 : DEPTH + 1])
        return Position(*ends[0]) if len(ends) == 2 else None


@dataclass(frozen=True)
class Page:
    """Some results. `next`: where to go on, if there may be more; `is_full`: whether it ends since
    it is full, and not since enough was looked through."""

    rows: list[Prediction]
    next: Position | None
    is_full: bool
