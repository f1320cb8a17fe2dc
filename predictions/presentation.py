"""Estimates in the words and shapes of a page: ranges, bars, boxes. No arithmetic in templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import label_title, title
from vision.attributes import ATTRIBUTES, Attribute, labelled

from .messages import explained_quality
from .models import Correction, Face, Photo

# Below this probability a label is shown as uncertain.
CONFIDENT = 0.7

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
    """An estimate of an attribute with labels, these likeliest first."""

    title: str
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
    estimates: Sequence[Estimate]
    quality: dict[str, Any] | None

    @property
    def summary(self) -> str:
        """The estimates in one line, for lists and screen readers."""
        parts = []
        if self.age:
            parts.append(_("about %(years)d") % {"years": round(self.age["years"])})
        parts += [one.label for one in self.estimates]
        if self.face.is_withheld:
            return _("cannot be estimated from this photo")
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
            estimates=[
                _estimate(one.name, stored)
                for one in labelled()
                if (stored := face.estimate(one.name))
            ],
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
    said = [(ATTRIBUTES[name], correction.labels.get(name)) for name in settings.HEADS]
    return [_said(attribute, value) for attribute, value in said if value is not None]


def comparison(correction: Correction, attribute: Attribute) -> str:
    """What was estimated and what the sender says: “34 → 29”; a dash for what nobody said."""
    estimate = correction.face.estimate(attribute.name)
    said = correction.labels.get(attribute.name)
    estimated = "–" if estimate is None else _estimated(attribute, estimate)
    return f"{estimated} → {'–' if said is None else _named(attribute, said)}"


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
    return str(round(estimate["years"]))


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


def _estimate(name: str, stored: dict[str, Any]) -> Estimate:
    shares = sorted(stored["probabilities"].items(), key=lambda item: -item[1])
    return Estimate(
        title=title(name),
        label=label_title(name, stored["label"]),
        is_certain=stored["probability"] >= CONFIDENT,
        shares=[Share(label_title(name, label), round(share * 100)) for label, share in shares],
    )
