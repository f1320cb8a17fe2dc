"""Two results of one photo in the words of a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import title
from vision.attributes import AGE, ATTRIBUTES

from .comparison import Comparison, FacePair, value_of
from .models import Face
from .presentation import age_in_words, label_in_words, own_labels


@dataclass(frozen=True)
class Told:
    """What a result says of an attribute of a face; `own`: what its sender says is right."""

    word: str
    own: str


@dataclass(frozen=True)
class Row:
    """An attribute of a face: what each result says of it, and the difference."""

    title: str
    told: Sequence[Told]
    difference: str
    differs: bool


@dataclass(frozen=True)
class FaceRows:
    """A face with its number on the page; `found_by`: which result alone has it, in words."""

    number: int
    face: Face
    rows: Sequence[Row]
    found_by: str


def what_changed(comparison: Comparison) -> str:
    """How far two results differ, in one to three sentences."""
    count, years = len(comparison.pairs), comparison.most_years_apart
    if not comparison.differing:
        return _("Nothing differs.")
    said = [_how_many(comparison.differing, count)]
    if years:
        words = ngettext(
            "Ages differ by up to %(years)d year.", "Ages differ by up to %(years)d years.", years
        )
        said.append(words % {"years": years})
    if alone := comparison.in_one_only:
        words = ngettext(
            "%(count)d face was found in one of the two results only.",
            "%(count)d faces were found in one of the two results only.",
            alone,
        )
        said.append(words % {"count": alone})
    return " ".join(said)


def _how_many(differing: int, count: int) -> str:
    if count == 1:
        return _("What is said of the face differs.")
    words = ngettext(
        "%(differing)d of %(count)d faces differs.",
        "%(differing)d of %(count)d faces differ.",
        differing,
    )
    return words % {"differing": differing, "count": count}


def face_rows(comparison: Comparison) -> list[FaceRows]:
    """Every face, numbered from 1, with a row for each attribute of which something is said."""
    return [
        FaceRows(number, pair.face, _rows(pair), _found_by(pair))
        for number, pair in enumerate(comparison.pairs, 1)
    ]


def _rows(pair: FacePair) -> list[Row]:
    return [
        Row(
            title(name),
            [_told(face, name) for face in (pair.earlier, pair.later)],
            _difference(pair, name),
            pair.is_in_both and pair.differs_in(name),
        )
        for name in ATTRIBUTES
        if any(value_of(face, name) is not None for face in (pair.earlier, pair.later))
    ]


def _told(face: Face | None, name: str) -> Told:
    if face is None:
        return Told("–", "")
    estimate, own = face.estimate(name), own_labels(face).get(name, "")
    if estimate is None:
        return Told("–", own)
    told = age_in_words(estimate) if name == AGE.name else label_in_words(name, estimate)
    return Told(told, own)


def _difference(pair: FacePair, name: str) -> str:
    if not pair.differs_in(name):
        return _("none")
    if name == AGE.name and pair.years_apart:
        years = pair.years_apart
        words = ngettext("%(years)s year", "%(years)s years", abs(years))
        return words % {"years": f"{years:+d}".replace("-", "−")}
    return _("different") if value_of(pair.later, name) and value_of(pair.earlier, name) else "–"


def _found_by(pair: FacePair) -> str:
    if pair.is_in_both:
        return ""
    return _("found later only") if pair.later else _("found earlier only")
