"""What somebody's photos show, counted: ages, and the labels of every attribute."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from training.attribute_names import label_title, title
from vision.attributes import AGE

from .access import Owner
from .history_query import HistoryQuery
from .models import Face, Status
from .searching import ages_are_searchable, column_of, searchable_labels

MOST = 1000
"""So many results are counted at most, the newest."""

_OLDEST_DECADE = 90


@dataclass(frozen=True)
class Row:
    """One bar; `percent`: of the faces of its chart, 0 to 100."""

    label: str
    count: int
    percent: int


@dataclass(frozen=True)
class Chart:
    title: str
    rows: Sequence[Row]
    total: int


@dataclass(frozen=True)
class Summary:
    """`is_cut`: whether there are more results than were counted."""

    photos: int
    without_face: int
    faces: int
    charts: Sequence[Chart]
    is_cut: bool


def summarise(owner: Owner, query: HistoryQuery) -> Summary:
    """What the photos of the results that a query finds show, each by its newest one."""
    page = query.page(query.rows_of(owner), None, MOST)
    newest = {}
    for one in sorted(page.rows, key=lambda row: row.created_at):
        if one.status == Status.DONE:
            newest[one.photo_id] = one
    labels = [one.name for one in searchable_labels()]
    faces = list(
        Face.objects.filter(prediction__in=[one.pk for one in newest.values()]).values_list(
            "age_years", *map(column_of, labels)
        )
    )
    ages = [_chart(title(AGE.name), _decades(), (_decade(face[0]) for face in faces))]
    others = [
        _chart(
            title(one.name),
            [label_title(one.name, label) for label in one.labels],
            (face[number] and label_title(one.name, face[number]) for face in faces),
        )
        for number, one in enumerate(searchable_labels(), start=1)
    ]
    return Summary(
        photos=len(newest),
        without_face=sum(one.face_count == 0 for one in newest.values()),
        faces=len(faces),
        charts=[*(ages if ages_are_searchable() else []), *others],
        is_cut=page.next is not None,
    )


def _decades() -> list[str]:
    return [_decade_name(start) for start in range(0, _OLDEST_DECADE + 1, 10)]


def _decade(years: float | None) -> str | None:
    if years is None:
        return None
    return _decade_name(min(_OLDEST_DECADE, int(years) // 10 * 10))


def _decade_name(start: int) -> str:
    if start == _OLDEST_DECADE:
        return _("%(age)d or older") % {"age": start}
    return f"{start}–{start + 9}"


def _chart(name: str, labels: Sequence[str], found: Iterable[str | None]) -> Chart:
    counts = Counter(label for label in found if label)
    total = sum(counts.values())
    rows = [Row(one, counts[one], round(100 * counts[one] / max(1, total))) for one in labels]
    return Chart(name, rows, total)
