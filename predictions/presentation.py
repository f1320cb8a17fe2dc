"""Estimates in the words and shapes of a page: ranges, bars, boxes. No arithmetic in templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vision.labels import GENDERS, RACES

from .messages import explained_quality
from .models import Correction, Face, Photo

# Below this probability a label is shown as uncertain.
CONFIDENT = 0.7

_LABELS = {
    "male": gettext_lazy("Male"),
    "female": gettext_lazy("Female"),
    "white": gettext_lazy("White"),
    "black": gettext_lazy("Black"),
    "asian": gettext_lazy("Asian"),
    "indian": gettext_lazy("Indian"),
    "others": gettext_lazy("Others"),
}
_CHART_HEIGHT = 40


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
class Share:
    """One label's probability."""

    label: str
    percent: int


@dataclass(frozen=True)
class Estimate:
    """A gender or race estimate, its labels likeliest first."""

    label: str
    is_certain: bool
    shares: Sequence[Share]


@dataclass(frozen=True)
class FaceCard:
    """Everything a page says of one face."""

    number: int
    face: Face
    age: dict[str, Any] | None
    bars: Sequence[Bar]
    gender: Estimate | None
    race: Estimate | None
    quality: dict[str, Any] | None

    @property
    def summary(self) -> str:
        """The estimates in one line, for lists and screen readers."""
        parts = []
        if self.age:
            parts.append(_("about %(years)d") % {"years": round(self.age["years"])})
        parts += [str(one.label) for one in (self.gender, self.race) if one]
        if self.face.is_withheld:
            return _("cannot be told from this photo")
        return ", ".join(parts)


@dataclass(frozen=True)
class FaceBox:
    """A face's rectangle and number, in pixels of the photo."""

    number: int
    face: Face
    label_x: int
    label_y: int


def face_cards(faces: Sequence[Face]) -> list[FaceCard]:
    return [
        FaceCard(
            number=face.index + 1,
            face=face,
            age=face.estimate("age"),
            bars=_bars(face.estimate("age")),
            gender=_estimate(face.estimate("gender")),
            race=_estimate(face.estimate("race")),
            quality=explained_quality(face.quality),
        )
        for face in faces
    ]


def face_boxes(photo: Photo, faces: Sequence[Face]) -> tuple[list[FaceBox], int]:
    """The boxes to draw over a photo and the radius of their numbers' discs, in photo pixels."""
    radius = max(9, round(max(photo.width, photo.height) / 45))
    boxes = [
        FaceBox(
            number=face.index + 1,
            face=face,
            label_x=max(radius, face.x),
            label_y=max(radius, face.y),
        )
        for face in faces
    ]
    return boxes, radius


def said_labels(correction: Correction) -> list[str]:
    """What a correction says of a face, in words, of the heads that are switched on."""
    years = correction.age
    words = {
        "age": None
        if years is None
        else ngettext("%(n)d year", "%(n)d years", years) % {"n": years},
        "gender": _label_of(GENDERS, correction.gender),
        "race": _label_of(RACES, correction.race),
    }
    return [word for head in settings.HEADS if (word := words[head])]


def comparison(correction: Correction, head: str) -> str:
    """What was estimated and what the sender says: “34 → 29”; a dash for what nobody said."""
    estimate = correction.face.estimate(head)
    if head == "age":
        estimated = None if estimate is None else str(round(estimate["years"]))
        said = None if correction.age is None else str(correction.age)
    else:
        estimated = None if estimate is None else label_name(estimate["label"])
        said = _label_of({"gender": GENDERS, "race": RACES}[head], getattr(correction, head))
    return f"{estimated or '–'} → {said or '–'}"


def _label_of(labels: Sequence[str], number: int | None) -> str | None:
    return None if number is None else label_name(labels[number])


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


def _estimate(stored: dict[str, Any] | None) -> Estimate | None:
    if stored is None:
        return None
    shares = sorted(stored["probabilities"].items(), key=lambda item: -item[1])
    return Estimate(
        label=label_name(stored["label"]),
        is_certain=stored["probability"] >= CONFIDENT,
        shares=[Share(label_name(label), round(share * 100)) for label, share in shares],
    )


def label_name(label: str) -> str:
    """A gender's or race's label (`vision.labels`) in the reader's language."""
    return str(_LABELS.get(label, label))
