"""What the core gives back, and the JSON form of its parts for command, API and database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .attributes import ATTRIBUTES

# What a network can be computed by and in; "auto" is what suits the machine.
ENGINES: tuple[str, ...] = ("auto", "openvino", "tensorflow")
INT8 = "int8"
PRECISIONS: tuple[str, ...] = ("auto", "float32", "bfloat16", "float16", INT8)

Image = NDArray[np.uint8]  # (height, width, 3), RGB, 0-255
LUMA: NDArray[np.float64] = np.array([0.299, 0.587, 0.114])  # of red, green, blue: ITU-R BT.601
Landmarks = NDArray[np.float32]  # (5, 2) x, y in pixels: left eye, right eye, nose, mouth corners


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright photo, origin at the top left."""

    x: int
    y: int
    width: int
    height: int

    def as_json(self) -> dict[str, int]:
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height}


@dataclass(frozen=True)
class Detection:
    """One face found in a photo; `left` and `right` of the landmarks are the viewer's."""

    box: Box
    confidence: float
    landmarks: Landmarks


@dataclass(frozen=True)
class AgeEstimate:
    """An age in years with an interval that holds the true age with probability `coverage`.

    `low`, `high` and `coverage` are None, and `distribution` is empty, where the model recorded
    nothing an interval could honestly come from.
    """

    years: float
    low: int | None
    high: int | None
    coverage: float | None
    distribution: tuple[tuple[str, float], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "years": round(self.years, 1),
            "low": self.low,
            "high": self.high,
            "coverage": self.coverage,
            "distribution": [[label, round(p, 4)] for label, p in self.distribution],
        }


@dataclass(frozen=True)
class ClassEstimate:
    """A label with the probability of every label of its head; the probabilities sum to 1."""

    probabilities: dict[str, float]

    @property
    def label(self) -> str:
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    def as_json(self) -> dict[str, Any]:
        label = self.label
        return {
            "label": label,
            "probability": round(self.probabilities[label], 4),
            "probabilities": {name: round(p, 4) for name, p in self.probabilities.items()},
        }


@dataclass(frozen=True)
class FaceAttributes:
    """What the heads say of one face: the age, and by attribute the `classes` that have labels.

    A head that is switched off or absent says None, or is not in `classes`.
    """

    age: AgeEstimate | None = None
    classes: Mapping[str, ClassEstimate] = field(default_factory=dict)

    @classmethod
    def of(cls, estimates: Mapping[str, AgeEstimate | ClassEstimate]) -> "FaceAttributes":
        """From estimates by attribute."""
        ages = (one for one in estimates.values() if isinstance(one, AgeEstimate))
        classes = {n: one for n, one in estimates.items() if isinstance(one, ClassEstimate)}
        return cls(next(ages, None), classes)

    def estimates(self) -> dict[str, dict[str, Any] | None]:
        """Every declared attribute's estimate as JSON; None where there is none."""
        found: Mapping[str, Any] = {"age": self.age, **self.classes}
        return {name: one.as_json() if (one := found.get(name)) else None for name in ATTRIBUTES}


@dataclass(frozen=True)
class Quality:
    """What a photo can tell of a face. `vision.crops.quality` measures it.

    `size`: the width of the face, as wide as its box if it stood upright, in pixels of the photo.
    `sharpness`: how much a slight blur takes of its slopes, 0 to 1. `exposure`: the
    luminance of its brightest hundredth, 0 to 1. `overexposed`: the share of it that is nothing but
    white. `turn`: by how many degrees the head is turned to either side, roughly. `cut`: whether
    the photo's border cuts the face. `warnings`: codes of `vision.crops.quality`.
    """

    size: int
    sharpness: float
    exposure: float
    overexposed: float
    turn: int
    cut: bool
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """`reliable`: whether nothing is warned of."""
        return {
            "size": self.size,
            "sharpness": round(self.sharpness, 2),
            "exposure": round(self.exposure, 2),
            "overexposed": round(self.overexposed, 2),
            "turn": self.turn,
            "cut": self.cut,
            "reliable": not self.warnings,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class FaceResult:
    """One face of a photo: where it is, how much of it shows, and what the heads say of it.

    Where the photo cannot tell, the heads say nothing.
    """

    detection: Detection
    quality: Quality
    attributes: FaceAttributes


@dataclass(frozen=True)
class PhotoResult:
    """Every face of one photo, largest first; none is a result too. Sizes in pixels."""

    width: int
    height: int
    faces: tuple[FaceResult, ...] = field(default=())
