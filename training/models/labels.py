"""The labels of a row as one mapping, and one of them in a query.

What ships has columns of its own, which indexes know; labels of further attributes lie beside them
in one JSON column.
"""

from typing import Any

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, NullIf

from vision.attributes import ATTRIBUTES, SHIPPED, Labels
from vision.data.utkface import in_range

LABEL_COLUMNS = (*SHIPPED, "further_labels")
"""What `labels_in` reads."""

# Without any of these nothing is learnt from an image. Further attributes may be left out. A number
# that stands for nothing is no label; the database takes none.
HAS_LABELS = Q(**{f"{name}__lte": ATTRIBUTES[name].highest for name in SHIPPED})


def no_other_labels(name: str) -> models.CheckConstraint:
    """A constraint of this name: what stands in the columns of labels is one, or null."""
    return models.CheckConstraint(condition=HAS_LABELS, name=name)


class Labelled(models.Model):
    """A row with labels: a column of its own name for each that ships, and this for the others."""

    further_labels = models.JSONField(default=dict, editable=False)

    class Meta:
        abstract = True

    @property
    def labels(self) -> dict[str, int]:
        """What is said, in the order of the declarations; what is not said is not in it."""
        return labels_in(self)

    @labels.setter
    def labels(self, labels: Labels) -> None:
        """Raises vision.data.utkface.LabelOutOfRange."""
        in_range(labels)
        for name in SHIPPED:
            setattr(self, name, labels.get(name))
        # An attribute that is not declared now may be again.
        unknown = {name: n for name, n in self.further_labels.items() if name not in ATTRIBUTES}
        further = {name: value for name, value in labels.items() if name not in SHIPPED}
        self.further_labels = {**unknown, **further}


def labels_in(row: Any) -> dict[str, int]:
    """As `Labelled.labels`, of anything that has the `LABEL_COLUMNS`. A number that stands for
    nothing now, because the attribute was declared otherwise once, says nothing."""
    labels = {name: value for name in SHIPPED if (value := getattr(row, name)) is not None}
    if further := row.further_labels:
        known = ((name, further.get(name)) for name in ATTRIBUTES)
        labels |= {name: value for name, value in known if isinstance(value, int)}
    return {name: value for name, value in labels.items() if ATTRIBUTES[name].holds(value)}


def label_value(name: str, of: str = "") -> F | Cast:
    """A label in a query, null where it is not said; `of` is the relation that leads to its row,
    such as "annotations__"."""
    if name in SHIPPED:
        return F(f"{of}{name}")
    # To SQLite, null within JSON is a text.
    text = NullIf(KeyTextTransform(name, f"{of}further_labels"), Value("null"))
    return Cast(text, models.IntegerField())
