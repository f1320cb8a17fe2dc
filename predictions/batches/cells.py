"""The words of a batch's table: its columns, and what stands in the cells of a face."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from predictions.presentation import FaceCard, age_in_words
from predictions.searching import ages_are_searchable, searchable_labels
from training.attribute_names import title
from vision.attributes import AGE


@dataclass(frozen=True)
class Column:
    """`sort` is what `listing.Wanted` calls it; empty where nobody sorts by it."""

    word: str
    sort: str = ""


def columns() -> list[Column]:
    """Those of a face, of the heads that are switched on, after that of the photo."""
    labels = searchable_labels()
    return [
        *([Column(_("Age"), "age")] if ages_are_searchable() else []),
        *(Column(title(one.name), one.name) for one in labels),
        *([Column(_("Lowest confidence"), "confidence")] if labels else []),
        Column(_("Width in pixels"), "size"),
        Column(_("Quality")),
    ]


@dataclass(frozen=True)
class Cell:
    """`own`: what the sender says is right."""

    word: str
    own: str = ""


def cells(card: FaceCard) -> list[Cell]:
    """A face's, in the order of `columns`."""
    labels = {one.name: one.label for one in card.estimates}
    asked = searchable_labels()
    return [
        *([Cell(_age(card), card.own.get(AGE.name, ""))] if ages_are_searchable() else []),
        *(Cell(labels.get(one.name, "–"), card.own.get(one.name, "")) for one in asked),
        *([Cell(_confidence(card))] if asked else []),
        Cell(str(card.face.width)),
        Cell(", ".join(card.short_warnings) or (_("good") if card.face.quality else "–")),
    ]


def _confidence(card: FaceCard) -> str:
    """That of the least sure label."""
    shares = [one.percent for one in card.estimates]
    return _("%(percent)d%%") % {"percent": min(shares)} if shares else "–"


def _age(card: FaceCard) -> str:
    return age_in_words(card.age) if card.age else "–"
