"""The words of a batch's table: its columns, and what stands in the cells of a face."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.messages import FaceWarningCode
from predictions.presentation import FaceCard
from predictions.searching import ages_are_searchable, searchable_labels
from training.attribute_names import title

# In a word each; the result page has the sentences.
_WARNINGS = {
    FaceWarningCode.TOO_SMALL: gettext_lazy("too small to tell"),
    FaceWarningCode.TOO_BLURRED: gettext_lazy("too blurred to tell"),
    FaceWarningCode.TOO_DARK: gettext_lazy("too dark to tell"),
    FaceWarningCode.TOO_BRIGHT: gettext_lazy("too bright to tell"),
    FaceWarningCode.SMALL: gettext_lazy("small"),
    FaceWarningCode.BLURRED: gettext_lazy("blurred"),
    FaceWarningCode.DARK: gettext_lazy("dark"),
    FaceWarningCode.OVEREXPOSED: gettext_lazy("overexposed"),
    FaceWarningCode.TURNED: gettext_lazy("turned to the side"),
    FaceWarningCode.CUT: gettext_lazy("cut by the border"),
}


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
        *([Column(_("Confidence"), "confidence")] if labels else []),
        Column(_("Width in pixels"), "size"),
        Column(_("Quality")),
    ]


def cells(card: FaceCard) -> list[str]:
    """A face's, in the order of `columns`."""
    labels = {one.title: one for one in card.estimates}
    asked = searchable_labels()
    shares = [one.shares[0].percent for one in card.estimates]
    return [
        *([_age(card)] if ages_are_searchable() else []),
        *(labels[name].label if (name := title(one.name)) in labels else "–" for one in asked),
        *([_("%(percent)d %%") % {"percent": min(shares)} if shares else "–"] if asked else []),
        str(card.face.width),
        _quality(card),
    ]


def _age(card: FaceCard) -> str:
    if not card.age:
        return "–"
    years = round(card.age["years"])
    if not card.age.get("coverage"):
        return str(years)
    return f"{years} ({round(card.age['low'])}–{round(card.age['high'])})"


def _quality(card: FaceCard) -> str:
    if card.quality is None:
        return "–"
    known = [FaceWarningCode(one["code"]) for one in card.quality["warnings"]]
    return ", ".join(str(_WARNINGS[code]) for code in known) or _("good")
