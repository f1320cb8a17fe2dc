"""Two results of one photo: which of their faces are the same, and where what they say differs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.attributes import AGE, ATTRIBUTES, whole_years

from .access import Owner
from .models import Face, Prediction

SAME_FACE = 0.5
"""From this overlap on two boxes are of one face: intersection over union, as PASCAL VOC has it."""

Value = int | str | None


@dataclass(frozen=True)
class FacePair:
    """A face as two results have it; None where one has not found it.

    `face`: it as it was found last. `overlap`: of its boxes, 0 to 1; 0 where one is missing.
    """

    face: Face
    earlier: Face | None
    later: Face | None
    overlap: float = 0.0

    @property
    def is_in_both(self) -> bool:
        return self.earlier is not None and self.later is not None

    @property
    def years_apart(self) -> int:
        """How many years the later age is above the earlier one, both as pages show them; 0 where
        one is missing."""
        earlier, later = (value_of(face, AGE.name) for face in (self.earlier, self.later))
        return later - earlier if isinstance(earlier, int) and isinstance(later, int) else 0

    @property
    def differs(self) -> bool:
        """Whether one result has not found it, or shows another age or label of it."""
        return not self.is_in_both or any(self.differs_in(name) for name in ATTRIBUTES)

    def differs_in(self, attribute: str) -> bool:
        return value_of(self.earlier, attribute) != value_of(self.later, attribute)


@dataclass(frozen=True)
class Comparison:
    """Two finished results of one photo, the earlier one first.

    `pairs`: the faces of the later result in their order, then those that only the earlier has.
    """

    earlier: Prediction
    later: Prediction
    pairs: Sequence[FacePair]

    @property
    def differing(self) -> int:
        return sum(pair.differs for pair in self.pairs)

    @property
    def in_one_only(self) -> int:
        return sum(not pair.is_in_both for pair in self.pairs)

    @property
    def most_years_apart(self) -> int:
        return max((abs(pair.years_apart) for pair in self.pairs), default=0)


def compare(one: Prediction, other: Prediction) -> Comparison:
    """Compare two finished results of one photo, given in either order."""
    earlier, later = sorted((one, other), key=lambda each: (each.created_at, each.pk))
    faces = [list(each.faces.select_related("correction")) for each in (earlier, later)]
    return Comparison(earlier, later, pairs_of(*faces))


def pairs_of(earlier: Sequence[Face], later: Sequence[Face]) -> list[FacePair]:
    """The faces of two results paired by their boxes, those that overlap most first."""
    overlaps = _overlaps(_corners(earlier), _corners(later))
    partners = _partners(overlaps)
    found = [
        FacePair(face, earlier[partner], face, round(float(overlaps[partner, now]), 4))
        if (partner := partners.get(now)) is not None
        else FacePair(face, None, face)
        for now, face in enumerate(later)
    ]
    alone = [face for place, face in enumerate(earlier) if place not in partners.values()]
    return found + [FacePair(face, face, None) for face in alone]


def value_of(face: Face | None, attribute: str) -> Value:
    """What pages show of an attribute: whole years or a label; None where nothing is estimated."""
    estimate = face.estimate(attribute) if face else None
    if estimate is None:
        return None
    shown: Value = whole_years(estimate["years"]) if attribute == AGE.name else estimate["label"]
    return shown


def others_of_photo(prediction: Prediction, most: int) -> list[Prediction]:
    """The other results of a prediction's photo, whatever their state, newest first; at most so
    many."""
    # By the photo alone: asked for the owner too, SQLite may read all that the owner has.
    found = Prediction.objects.filter(photo=prediction.photo_id).exclude(pk=prediction.pk)
    found = found.select_related("model_version")
    found = found.defer("model_version__manifest", "model_version__report")
    owner = Owner(prediction.owner_id, prediction.visitor)
    return [one for one in found[:most] if Owner(one.owner_id, one.visitor) == owner]


def _partners(overlaps: NDArray[np.float64]) -> dict[int, int]:
    """Column → row of the pairs, the largest overlaps first."""
    partners: dict[int, int] = {}
    for place in np.argsort(-overlaps, axis=None, kind="stable"):
        row, column = divmod(int(place), overlaps.shape[1])
        if overlaps[row, column] < SAME_FACE:
            break
        if column not in partners and row not in partners.values():
            partners[column] = row
    return partners


def _corners(faces: Sequence[Face]) -> NDArray[np.float64]:
    """Left, top, right and bottom of boxes (N, 4), in pixels of the photo."""
    boxes = np.array([(one.x, one.y, one.width, one.height) for one in faces], np.float64)
    corners = boxes.reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return corners


def _overlaps(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    left_top = np.maximum(some[:, None, :2], others[:, :2])
    right_bottom = np.minimum(some[:, None, 2:], others[:, 2:])
    shared = np.maximum(right_bottom - left_top, 0).prod(axis=2)
    sizes = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (some, others)]
    union = sizes[0][:, None] + sizes[1] - shared
    overlaps: NDArray[np.float64] = shared / np.maximum(union, 1)
    return overlaps
