"""Where the numbers of faces stand on a photo: beside the faces, not on any."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .models import Face, Photo

# From so many faces on numbers are smaller, to leave room for one another.
_MANY = 10
# Where a number may stand, in order of preference: its centre from that of the box, in halves of
# the box and the radius of the number together.
_PLACES = np.array([(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)], float)

Rectangles = NDArray[np.float64]
"""Left, top, right and bottom of each (N, 4), in pixels of the photo."""


@dataclass(frozen=True)
class Mark:
    """A face's rectangle and the centre of its number, in pixels of the photo."""

    number: int
    face: Face
    x: int
    y: int


def marks_of(photo: Photo, faces: Sequence[Face]) -> tuple[list[Mark], int]:
    """What to draw over a photo, and the radius of the numbers' discs, in pixels of the photo.

    Each number takes the place around its face where it covers least of any face and of the
    numbers before it, within the photo.
    """
    longest = max(photo.width, photo.height)
    radius = max(8, round(longest / (36 if len(faces) < _MANY else 50)))
    boxes = _rectangles([(one.x, one.y, one.width, one.height) for one in faces])
    taken = boxes
    marks = []
    for face, box in zip(faces, boxes, strict=True):
        around = _places_around(box, radius, photo)
        discs = np.concatenate([around - radius, around + radius], axis=1)
        best = int(np.argmin(_covered(discs, taken)))
        taken = np.concatenate([taken, discs[best : best + 1]])
        x, y = around[best].round().astype(int).tolist()
        marks.append(Mark(face.index + 1, face, x, y))
    return marks, radius


def _rectangles(boxes: Sequence[tuple[int, int, int, int]]) -> Rectangles:
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return corners


def _places_around(box: NDArray[np.float64], radius: int, photo: Photo) -> NDArray[np.float64]:
    """The centres (8, 2) at which a disc touches a box from outside; moved where it would reach
    over the border of the photo."""
    half = (box[2:] - box[:2]) / 2
    centres: NDArray[np.float64] = (box[:2] + box[2:]) / 2 + _PLACES * (half + radius)
    highest = np.maximum([photo.width - radius, photo.height - radius], radius)
    return np.clip(centres, radius, highest)


def _covered(discs: Rectangles, taken: Rectangles) -> NDArray[np.float64]:
    """How much of what is taken (M, 4) each of some discs (N, 4) covers, (N,), as squares."""
    left_top = np.maximum(discs[:, None, :2], taken[:, :2])
    right_bottom = np.minimum(discs[:, None, 2:], taken[:, 2:])
    covered: NDArray[np.float64] = np.maximum(right_bottom - left_top, 0).prod(axis=2).sum(axis=1)
    return covered.round()
