"""What people see of a face and label, each declared once.

A head says how a network estimates an attribute (`vision.heads.specs`); everything that loops over
estimates, labels or figures loops over what is declared here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["age", "binary", "classes"]

Labels = Mapping[str, int]
"""What an annotator says of a face: attribute → years, or an index of its labels. What is not said
is not in it."""

# Labels above this age are taken for mistakes (UTKFace's oldest label is 116).
OLDEST_AGE = 120

AGE_BINS: tuple[str, ...] = (
    "0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80-89", "90+",
)  # fmt: skip

# What a face's JSON holds beside its estimates, in the order in which it does.
FACE_FIELDS: tuple[str, ...] = ("index", "box", "detection_confidence", "quality")

# What stands beside attributes: in a face's JSON, where the three that ship have their own place;
# in tables of labels; in forms, and among the parameters by which lists are narrowed.
_TAKEN = frozenset(
    {*FACE_FIELDS, "landmarks", "attributes", "warnings", "correction"}
    | {"file", "sender", "consent"}
    | {"status", "since", "until", "version", "model_version", "before", "limit", "cursor"}
    | {"created_after", "created_before", "faces_min", "faces_max", "age_min", "age_max"}
)


@dataclass(frozen=True)
class Attribute:
    """One thing that people see of a face.

    `name` is a lower-case identifier. `kind`: "age" is a number of whole years from 0 to
    OLDEST_AGE, and there is one such attribute; "binary" has two `labels`, "classes" any number, in
    the order of the numbers that stand for them in datasets. `title` and `label_titles`, as many as
    there are labels, are what people read, in English; translations go by these. `is_sensitive`:
    whether an estimate can hurt whom it is about. Raises ValueError for a declaration that cannot
    be.
    """

    name: str
    kind: Kind
    title: str
    labels: tuple[str, ...] = ()
    label_titles: tuple[str, ...] = ()
    is_sensitive: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or self.name in _TAKEN:
            raise ValueError(f"An attribute cannot be called {self.name!r}.")
        fits = {"age": not self.labels, "binary": len(self.labels) == 2}
        if not fits.get(self.kind, bool(self.labels)) or len(set(self.labels)) < len(self.labels):
            raise ValueError(f"The labels of {self.name} do not fit its kind, {self.kind}.")
        if len(self.label_titles) != len(self.labels):
            raise ValueError(f"Each label of {self.name} needs a title.")

    @property
    def highest(self) -> int:
        """The highest number that stands for anything."""
        return OLDEST_AGE if self.kind == "age" else len(self.labels) - 1

    def holds(self, value: int) -> bool:
        """Whether a number stands for anything."""
        return 0 <= value <= self.highest


AGE = Attribute("age", "age", "Age", is_sensitive=False)
GENDER = Attribute("gender", "binary", "Gender", ("male", "female"), ("Male", "Female"))
RACE = Attribute(
    "race",
    "classes",
    "Race",
    ("white", "black", "asian", "indian", "others"),
    ("White", "Black", "Asian", "Indian", "Others"),
)

SHIPPED: tuple[str, ...] = ("age", "gender", "race")
ATTRIBUTES: dict[str, Attribute] = {one.name: one for one in (AGE, GENDER, RACE)}


def labelled() -> tuple[Attribute, ...]:
    """The attributes that have labels, in their order."""
    return tuple(one for one in ATTRIBUTES.values() if one.labels)


def grouping() -> tuple[Attribute, ...]:
    """Those that people are grouped by, in the order in which a group names them: race first."""
    return tuple(sorted(labelled(), key=lambda one: one != RACE))


def whole_years(age: float) -> int:
    """An age in years as every page, table and picture tells it: to the nearest whole year."""
    return round(age)


def age_bin(age: float) -> str:
    """The decade an age in years (>= 0) belongs to, one of `AGE_BINS`."""
    return AGE_BINS[min(int(age) // 10, len(AGE_BINS) - 1)]
