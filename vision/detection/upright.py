"""Which way up a face is, and whether it is one: what the networks say is tried in the mirror.

O-Net has learnt upright faces. Of an upright face and of its mirror image it says the same, mirrored:
the landmarks differ by 0.016 of the patch in the median, by 0.035 in one of twenty. Of a face that
lies otherwise, of cloth or of a spoon it says two different things (0.1 in the median), however
sure it is of each. So every face found is looked at again the way up that its landmarks say, in
one framing, as it is and in the mirror. Where that leaves a doubt it is looked at the three other
ways up too, and the best way counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..alignment import TEMPLATE, similarity
from .boxes import Floats, Indices, suppress_each
from .pyramid import Frames, Pyramid, patches_of

Looks = Callable[[NDArray[np.uint8]], tuple[Floats, Floats, Floats]]
"""O-Net: patches (n, 48, 48, 3) → shifts (n, 4), landmarks (n, 5, 2), confidences (n,)."""

_SIDE = 48
_MIRRORED = np.array([1, 0, 2, 4, 3])  # the landmarks in the mirror

# The patch around a face: O-Net's own boxes on UTKFace's crops (250 of them), made symmetrical.
# Its side and middle are in sides of the crop that the template frames.
_PATCH_SIDE, _PATCH_MIDDLE = 1.06, np.array([0.4945, 0.41])
_TARGETS = 0.5 + (TEMPLATE - _PATCH_MIDDLE) / _PATCH_SIDE

BEYOND_DOUBT = 2.5

_TURNS = tuple(
    np.array([[c, -s, (1 - c + s) / 2], [s, c, (1 - c - s) / 2], [0, 0, 1.0]])
    for c, s in ((0, 1), (-1, 0), (0, -1))
)


@dataclass(frozen=True)
class Faces:
    """Faces (n) of several photos; `owners` (n,) tells which each belongs to.

    `boxes` (n, 4) and `landmarks` (n, 5, 2) are in pixels of the photo. `merit` (n,) says how much
    a face looks like one; see `_merit`.
    """

    owners: Indices
    boxes: Floats
    confidences: Floats
    landmarks: Floats
    merit: NDArray[np.float64]

    @classmethod
    def joined(cls, several: Sequence["Faces"]) -> "Faces":
        parts = {field.name: [getattr(one, field.name) for one in several] for field in fields(cls)}
        return cls(**{name: np.concatenate(part) for name, part in parts.items()})

    def __len__(self) -> int:
        return len(self.owners)

    def __getitem__(self, chosen: Indices | NDArray[np.bool_]) -> "Faces":
        return Faces(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def distinct(self) -> Indices:
        """One of each face: what lies around a face, or inside it, is the same."""
        return suppress_each(self.owners, self.boxes, self.merit, 0.4, of_smaller=True)


@dataclass(frozen=True)
class _Look:
    """What O-Net says of patches (n) and of their mirror images together.

    `boxes` (n, 4), `landmarks` (n, 5, 2) and `disagreement` (n,), the largest distance between
    landmarks of the two, are in shares of the patch; so is `distortion` (n,), how far the landmarks
    are from any face's, rolled and scaled at will.
    """

    boxes: NDArray[np.float64]
    confidences: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    distortion: NDArray[np.float64]
    disagreement: NDArray[np.float64]

    @property
    def merit(self) -> NDArray[np.float64]:
        sure = self.confidences.clip(1e-4, 1 - 1e-4)
        return np.log(sure / (1 - sure)) - 50 * self.distortion - 20 * self.disagreement


@dataclass(frozen=True)
class _Settled:
    frames: Frames
    look: _Look


class Settler:
    """Looks at faces of some photos with O-Net."""

    def __init__(self, pyramids: Sequence[Pyramid], onet: Looks) -> None:
        self._pyramids = pyramids
        self._onet = onet

    def settle(self, owners: Indices, landmarks: Floats) -> Faces:
        frames = _frames_around(landmarks)
        look = self._look(owners, frames)
        doubtful = np.nonzero(look.merit <= BEYOND_DOUBT)[0]
        if len(doubtful):
            upright = self._best_way(owners[doubtful], frames[doubtful], look.merit[doubtful])
            frames[doubtful] = upright
            again = self._look(owners[doubtful], upright)
            for field in fields(look):
                getattr(look, field.name)[doubtful] = getattr(again, field.name)
        return Faces(
            owners,
            _boxes_in_photo(frames, look.boxes).astype(np.float32),
            look.confidences.astype(np.float32),
            _in_photo(frames, look.landmarks).astype(np.float32),
            look.merit,
        )

    def _best_way(self, owners: Indices, frames: Frames, merit: NDArray[np.float64]) -> Frames:
        """Frames around the landmarks seen the best way up."""
        ways = [frames, *(frames @ turn for turn in _TURNS)]
        looks = [self._look(owners, way) for way in ways]
        best = np.argmax([look.merit for look in looks], axis=0)
        points = np.stack(
            [_in_photo(way, look.landmarks) for way, look in zip(ways, looks, strict=True)]
        )
        return _frames_around(points[best, np.arange(len(best))])

    def _look(self, owners: Indices, frames: Frames) -> _Look:
        patches = patches_of(self._pyramids, owners, frames, _SIDE)
        shifts, points, confidences = self._onet(np.concatenate([patches, patches[:, :, ::-1]]))
        edges, mirrored_edges = np.split(shifts.astype(np.float64), 2)
        plain, mirrored = np.split(points.astype(np.float64), 2)
        mirrored = (mirrored * (-1, 1) + (1, 0))[:, _MIRRORED]
        mean = (plain + mirrored) / 2
        fit = similarity(mean, _TARGETS)
        fitted = mean @ fit[:, :, :2].swapaxes(1, 2) + fit[:, None, :, 2]
        return _Look(
            (edges + mirrored_edges[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)) / 2 + (0, 0, 1, 1),
            np.mean(np.split(confidences.astype(np.float64), 2), axis=0),
            mean,
            np.abs(fitted - _TARGETS).max(axis=(1, 2)),
            np.abs(plain - mirrored).max(axis=(1, 2)),
        )


def _frames_around(landmarks: NDArray[np.floating]) -> Frames:
    """The patches' frames (n, 2, 3) in which the landmarks (n, 5, 2), in pixels, lie as an upright
    face's do."""
    return similarity(np.broadcast_to(_TARGETS, landmarks.shape), landmarks)


def _in_photo(frames: Frames, points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ frames[:, :, :2].swapaxes(1, 2) + frames[:, None, :, 2]


def _boxes_in_photo(frames: Frames, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes (n, 4) of the patches as upright boxes in pixels: those around the ellipses that
    touch the edges of the patches' boxes."""
    corners = boxes.reshape(-1, 2, 2)
    middles = _in_photo(frames, corners.mean(axis=1, keepdims=True))[:, 0]
    halves = (corners[:, 1] - corners[:, 0]) / 2
    reach = np.sqrt(((frames[:, :, :2] * halves[:, None]) ** 2).sum(axis=2))
    return np.concatenate([middles - reach, middles + reach], axis=1)
