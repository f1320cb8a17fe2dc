"""Which predictions show somebody like that: by how many faces there are, and by estimates; and
which are of a file like that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from vision.attributes import AGE, Attribute, labelled

from .models import Face, Prediction
from .presentation import CONFIDENT

# No number of faces and no age that is asked for is larger.
LARGEST = 10_000


@dataclass(frozen=True)
class FaceQuery:
    """What to look for in finished photos. None and an empty mapping ask for nothing.

    `at_least` and `at_most`: the number of faces, both included. `youngest` and `oldest`: the
    estimated age in years, both included. `labels`: attribute → estimated label. `is_confident`:
    whether every label of the face is shown without “uncertain”. `is_clear`: whether the photo
    shows the face well enough for a reliable estimate. All of these are to be true of one and the
    same face.
    """

    at_least: int | None = None
    at_most: int | None = None
    youngest: float | None = None
    oldest: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    is_confident: bool | None = None
    is_clear: bool | None = None

    def narrow(self, predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
        """The predictions that match."""
        if self.at_least is not None:
            predictions = predictions.filter(face_count__gte=self.at_least)
        if self.at_most is not None:
            predictions = predictions.filter(face_count__lte=self.at_most)
        if wanted := self.of_one_face():
            faces = Face.objects.filter(wanted, prediction=OuterRef("pk"))
            predictions = predictions.filter(Exists(faces))
        return predictions

    @property
    def asks_for_something(self) -> bool:
        numbers = (self.at_least, self.at_most)
        return any(one is not None for one in numbers) or bool(self.of_one_face())

    def of_one_face(self) -> Q:
        """What a face has to be."""
        ages = {"age_years__gte": self.youngest, "age_years__lte": self.oldest}
        wanted = Q(**{key: age for key, age in ages.items() if age is not None})
        wanted &= Q(**{column_of(name): label for name, label in self.labels.items() if label})
        if self.is_confident is not None:
            wanted &= _all_confident() if self.is_confident else _any_uncertain()
        if self.is_clear is not None:
            wanted &= Q(quality__reliable=self.is_clear)
        return wanted

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> "FaceQuery":
        """From parameters by the names that pages and the API have for them."""
        return cls(
            at_least=wanted.get("faces_min"),
            at_most=wanted.get("faces_max"),
            youngest=wanted.get("age_min"),
            oldest=wanted.get("age_max"),
            labels={one.name: wanted.get(one.name) or "" for one in searchable_labels()},
            is_confident=wanted.get("confident"),
            is_clear=wanted.get("clear"),
        )


@dataclass(frozen=True)
class FileQuery:
    """What to look for in what was sent, whether it is finished or not; empty, everything.

    `name`: a part of the file's name, in whatever case. `batch`: the key of a batch.
    """

    name: str = ""
    batch: UUID | None = None

    def narrow(self, predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
        """The predictions that match."""
        if self.batch:
            predictions = predictions.filter(photo__batch=self.batch)
        if self.name:
            predictions = predictions.filter(photo__name__icontains=self.name)
        return predictions

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> "FileQuery":
        """From parameters by the names that pages and the API have for them."""
        return cls(name=wanted.get("name") or "", batch=wanted.get("batch"))

    def as_json(self) -> dict[str, str]:
        """For `from_json`, in a column; only what is asked for."""
        asked = {"name": self.name, "batch": str(self.batch or "")}
        return {name: value for name, value in asked.items() if value}

    @classmethod
    def from_json(cls, told: Mapping[str, str]) -> "FileQuery":
        batch = told.get("batch")
        return cls(name=told.get("name", ""), batch=UUID(batch) if batch else None)


def key_of(text: str) -> UUID | None:
    """The key that a parameter names; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def searchable_labels() -> list[Attribute]:
    """The attributes whose labels can be searched for: those whose heads are switched on."""
    return [one for one in labelled() if one.name in settings.HEADS]


def ages_are_searchable() -> bool:
    return AGE.name in settings.HEADS


def column_of(attribute: str) -> str:
    """Where an attribute's label is looked up: in an indexed column, where it has one."""
    column = f"{attribute}_label"
    return column if hasattr(Face, column) else f"estimates__{attribute}__label"


def _all_confident() -> Q:
    confident = [
        Q(**{f"estimates__{one.name}__probability__gte": CONFIDENT}) for one in searchable_labels()
    ]
    return reduce(and_, confident, Q())


def _any_uncertain() -> Q:
    uncertain = [
        Q(**{f"estimates__{one.name}__probability__lt": CONFIDENT}) for one in searchable_labels()
    ]
    return reduce(or_, uncertain, Q())
