"""Estimates in the words and shapes of a page: ranges, bars, boxes. No arithmetic in templates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import label_title, title
from vision.attributes import ATTRIBUTES, Attribute, labelled, whole_years

from .messages import FaceWarningCode, explained_quality
from .models import Correction, Face
from .worth import Worth

# Below this probability a label is shown as uncertain.
CONFIDENT = 0.7

_CHART_HEIGHT = 40
_OLDEST_SHOWN = 100  # years, where the line of ages ends


@dataclass(frozen=True)
class Bar:
    """One decade of the age chart, in units of its 100 × 48 view box."""

    label: str
    percent: int
    x: float
    y: float
    width: float
    height: float
    middle: float


@dataclass(frozen=True)
class AgeLine:
    """An age and its interval on a line from 0 to 100 years."""

    years: int
    low: int
    width: int


@dataclass(frozen=True)
class Share:
    """One label's probability."""

    label: str
    percent: int


@dataclass(frozen=True)
class Estimate:
    """An estimate of an attribute with labels, these likeliest first."""

    name: str
    title: str
    label: str
    percent: int
    is_certain: bool
    shares: Sequence[Share]
    worth: str


@dataclass(frozen=True)
class FaceCard:
    """Everything a page says of one face; `worth`: what the estimate of its age is worth, `own`:
    what its sender says is right, by attribute."""

    number: int
    face: Face
    age: dict[str, Any] | None
    line: AgeLine | None
    bars: Sequence[Bar]
    estimates: Sequence[Estimate]
    warnings: Sequence[str]
    short_warnings: Sequence[str]
    quality: Sequence[str]
    worth: str
    own: Mapping[str, str]

    @property
    def years(self) -> int | None:
        """The estimated age."""
        return whole_years(self.age["years"]) if self.age else None

    @property
    def summary(self) -> str:
        """The estimates in one line, for lists and screen readers."""
        parts = []
        if self.age:
            parts.append(_("about %(years)d") % {"years": self.years})
        parts += [one.label for one in self.estimates]
        if self.face.is_withheld:
            return _("cannot be estimated from this photo")
        return ", ".join(parts)


def face_cards(faces: Sequence[Face], worth: Worth | None = None) -> list[FaceCard]:
    """Of faces that come with their corrections, or each costs a query. `worth` is that of the
    estimates, where the page has room to tell it."""
    return [_face_card(face, worth) for face in faces]


@dataclass(frozen=True)
class TableCell:
    """A label of a face in a table; None where nothing is estimated. `own`: what its sender
    says."""

    name: str
    estimate: Estimate | None
    own: str


@dataclass(frozen=True)
class FaceTable:
    """Many faces as a row each: the titles of the columns of attributes with labels, and what
    every face has there."""

    columns: Sequence[str]
    cells: Sequence[Sequence[TableCell]]


def face_table(cards: Sequence[FaceCard]) -> FaceTable:
    titles = {one.name: one.title for card in cards for one in card.estimates}
    columns = {one.name: titles[one.name] for one in labelled() if one.name in titles}
    return FaceTable(list(columns.values()), [_table_cells(card, columns) for card in cards])


def _table_cells(card: FaceCard, names: Iterable[str]) -> list[TableCell]:
    said = {one.name: one for one in card.estimates}
    return [TableCell(name, said.get(name), card.own.get(name, "")) for name in names]


def _face_card(face: Face, worth: Worth | None) -> FaceCard:
    age, quality = face.estimate("age"), explained_quality(face.quality)
    codes = [warning["code"] for warning in quality["warnings"]] if quality else []
    return FaceCard(
        number=face.index + 1,
        face=face,
        age=age,
        line=_age_line(age),
        bars=_bars(age),
        estimates=[
            _estimate(one.name, stored, worth.of(face, one.name) if worth else "")
            for one in labelled()
            if (stored := face.estimate(one.name))
        ],
        warnings=[warning["message"] for warning in quality["warnings"]] if quality else [],
        short_warnings=[_short_warnings()[code] for code in codes],
        quality=_quality_words(face.width, quality) if quality else [],
        worth=worth.of(face, "age") if worth and age else "",
        own=own_labels(face),
    )


def _short_warnings() -> dict[str, str]:
    """What is wrong with the picture of a face, by code, in a word or two."""
    return {
        FaceWarningCode.TOO_SMALL: _("too small"),
        FaceWarningCode.TOO_BLURRED: _("too blurred"),
        FaceWarningCode.TOO_DARK: _("too dark"),
        FaceWarningCode.TOO_BRIGHT: _("too bright"),
        FaceWarningCode.SMALL: _("small"),
        FaceWarningCode.BLURRED: _("blurred"),
        FaceWarningCode.DARK: _("dark"),
        FaceWarningCode.OVEREXPOSED: _("overexposed"),
        FaceWarningCode.TURNED: _("turned aside"),
        FaceWarningCode.CUT: _("cut off"),
    }


def _quality_words(width: int, quality: dict[str, Any]) -> list[str]:
    """How the photo shows a face, aspect by aspect. `width`: that of its box, in pixels, which
    tables and boxes show too; by the `size` of a quality it is judged."""
    warned = {warning["code"] for warning in quality["warnings"]}
    words = _short_warnings()

    def aspect(fine: str, *codes: FaceWarningCode) -> str:
        return next((words[code] for code in codes if code in warned), fine)

    code = FaceWarningCode
    said = [
        _("%(size)d pixels wide") % {"size": width},
        aspect(_("sharp enough"), code.TOO_BLURRED, code.BLURRED),
        aspect(_("well lit"), code.TOO_DARK, code.TOO_BRIGHT, code.DARK, code.OVEREXPOSED),
        _("turned by %(turn)d°") % {"turn": quality["turn"]},
    ]
    return [*said, words[code.CUT]] if quality["cut"] else said


def own_labels(face: Face) -> dict[str, str]:
    """What its sender says of a face, in words, by attribute that is switched on."""
    correction = getattr(face, "correction", None)
    labels = correction.labels if correction else {}
    return {
        name: _said(ATTRIBUTES[name], labels[name])
        for name in settings.HEADS
        if labels.get(name) is not None
    }


def comparison(correction: Correction, attribute: Attribute) -> str:
    """What was estimated and what the sender says: “34 → 29”; a dash for what nobody said."""
    estimate = correction.face.estimate(attribute.name)
    said = correction.labels.get(attribute.name)
    estimated = "–" if estimate is None else _estimated(attribute, estimate)
    return f"{estimated} → {'–' if said is None else _named(attribute, said)}"


def age_in_words(age: Mapping[str, Any]) -> str:
    """An estimated age with its range, where it has one: “34 (27–42)”."""
    years = whole_years(age["years"])
    return f"{years} ({age['low']}–{age['high']})" if age.get("coverage") else str(years)


def label_in_words(name: str, estimate: Mapping[str, Any]) -> str:
    """An estimated label with its probability: “Female 97%”."""
    return f"{label_title(name, estimate['label'])} {round(estimate['probability'] * 100)}%"


def _said(attribute: Attribute, value: int) -> str:
    if attribute.labels:
        return _named(attribute, value)
    return ngettext("%(n)d year", "%(n)d years", value) % {"n": value}


def _named(attribute: Attribute, value: int) -> str:
    if attribute.labels:
        return label_title(attribute.name, attribute.labels[value])
    return str(value)


def _estimated(attribute: Attribute, estimate: dict[str, Any]) -> str:
    if attribute.labels:
        return label_title(attribute.name, estimate["label"])
    return str(whole_years(estimate["years"]))


def _bars(age: dict[str, Any] | None) -> list[Bar]:
    distribution = age["distribution"] if age else []
    tallest = max((share for _label, share in distribution), default=0) or 1
    step = 100 / max(1, len(distribution))
    bars = []
    for position, (label, share) in enumerate(distribution):
        height = max(0.6, share / tallest * _CHART_HEIGHT)
        bars.append(
            Bar(
                label=label,
                percent=round(share * 100),
                x=round(position * step + step * 0.1, 2),
                y=round(_CHART_HEIGHT - height, 2),
                width=round(step * 0.8, 2),
                height=round(height, 2),
                middle=round((position + 0.5) * step, 2),
            )
        )
    return bars


def _age_line(age: dict[str, Any] | None) -> AgeLine | None:
    if age is None:
        return None
    years = min(whole_years(age["years"]), _OLDEST_SHOWN)
    low, high = (years if age.get(end) is None else age[end] for end in ("low", "high"))
    return AgeLine(years, low, max(0, min(high, _OLDEST_SHOWN) - low))


def _estimate(name: str, stored: dict[str, Any], worth: str) -> Estimate:
    shares = sorted(stored["probabilities"].items(), key=lambda item: -item[1])
    return Estimate(
        name=name,
        title=title(name),
        label=label_title(name, stored["label"]),
        percent=round(stored["probability"] * 100),
        is_certain=stored["probability"] >= CONFIDENT,
        shares=[Share(label_title(name, label), round(share * 100)) for label, share in shares],
        worth=worth,
    )
