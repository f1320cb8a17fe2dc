"""Which way up a face is, and whether it is one: what the networks say is tried in the mirror.

O-Net has learnt upright faces. Of an upright face and of its mirror image it says the same,
mirrored: the landmarks differ by 0.016 of the patch in the median, by over 0.035 in one of twenty.
Of a face that lies otherwise, of cloth or of a spoon it says two different things (0.1 in the
median), however sure it is of each. So every face found is looked at again the way up that its
landmarks say, in one framing, as it is and in the mirror. Where that leaves a doubt it is looked at
the three other ways up too, and the best way counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vision.crops.alignment import TEMPLATE, similarity

from .boxes import Floats, Indices, suppress_each
from .pyramid import Frames, Pyramid, patches_of

Values = NDArray[np.float64]
Looks = Callable[[NDArray[np.uint8]], tuple[Floats, Floats, Floats]]
"""O-Net: patches (n, 48, 48, 3) → shifts (n, 4), landmarks (n, 5, 2), confidences (n,)."""

_SIDE = 48
_MIRRORED = np.array([1, 0, 2, 4, 3])  # the landmarks in the mirror

# Where an upright face's landmarks lie in the patch around it, in shares: as in O-Net's own boxes
# on 204 of UTKFace's crops, whose side is 1.06 crops and whose middle (0.4945, 0.41) of a crop.
_TARGETS = 0.5 + (TEMPLATE - np.array([0.4945, 0.41])) / 1.06

# By merit (`_Look.merit`), of 600 of UTKFace's crops at 50 to 200 pixels, framed a little off: 88%
# of upright looks are over 2.5, and 1 in 900 of the others; 99.8% of upright ones are over -2.
_BEYOND_DOUBT, _HOPELESS = 2.5, -5.0
# What merit and twice the log-odds of the confidence come to for a face: for all but 6 of some 700
# pasted ones from 40 pixels up. Beside a face beyond doubt, what is far smaller and has not the
# same way up is asked for more: the patterns of a large portrait's background reach 7.5.
_FACE, _FACE_BESIDE_LARGER, _FAR_SMALLER = 4.3, 9.0, 0.4
_ALIKE = 0.7  # the cosine between the ways up of two faces that have the same one
_STANDING = 2.0  # what is added to the merit of an upright way: most faces stand

# Unit squares turned by one, two and three quarters, as transforms (3, 3) of their points.
_TURNS = tuple(
    np.array([[c, -s, (1 - c + s) / 2], [s, c, (1 - c - s) / 2], [0, 0, 1.0]])
    for c, s in ((0, 1), (-1, 0), (0, -1))
)


@dataclass(frozen=True)
class Faces:
    """Faces (n) of several photos; `owners` (n,) tells which each belongs to.

    `boxes` (n, 4) and `landmarks` (n, 5, 2) are in pixels of the photo. `merit` (n,) says how much
    a face looks like one; see `_Look.merit`.
    """

    owners: Indices
    boxes: Floats
    confidences: Floats
    landmarks: Floats
    merit: Values

    @classmethod
    def joined(cls, several: Sequence["Faces"]) -> "Faces":
        parts = {field.name: [getattr(one, field.name) for one in several] for field in fields(cls)}
        return cls(**{name: np.concatenate(part) for name, part in parts.items()})

    @property
    def widths(self) -> Floats:
        widths: Floats = self.boxes[:, 2] - self.boxes[:, 0]
        return widths

    @property
    def _ways(self) -> Values:
        """The direction from left eye to right eye of each, (n, 2), of length 1."""
        across = (self.landmarks[:, 1] - self.landmarks[:, 0]).astype(np.float64)
        ways: Values = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        return ways

    def _asked(self) -> Values:
        """What merit and confidence must come to for each (n,)."""
        asked = np.full(len(self), _FACE)
        sure = self.beyond_doubt()
        for owner in np.unique(sure.owners):
            there = sure[sure.owners == owner]
            largest = int(np.argmax(there.widths))
            far_smaller = self.widths < _FAR_SMALLER * there.widths[largest]
            lies_otherwise = self._ways @ there._ways[largest] < _ALIKE
            asked[(self.owners == owner) & far_smaller & lies_otherwise] = _FACE_BESIDE_LARGER
        return asked

    def __len__(self) -> int:
        return len(self.owners)

    def __getitem__(self, chosen: Indices | NDArray[np.bool_]) -> "Faces":
        return Faces(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def beyond_doubt(self) -> "Faces":
        """Those that nothing can be won for by another look."""
        return self[self.merit > _BEYOND_DOUBT]

    def stand(self) -> NDArray[np.bool_]:
        """Which of them (n,) are nearer to standing than to lying."""
        standing: NDArray[np.bool_] = self._ways[:, 0] > _ALIKE
        return standing

    def distinct(self) -> "Faces":
        """Those that are faces, each once: what lies around a face, or inside it, is the same."""
        true = self[self.merit + 2 * log_odds(self.confidences) > self._asked()]
        merit = true.merit + _STANDING * true.stand()
        return true[suppress_each(true.owners, true.boxes, merit, 0.4, of_smaller=True)]


@dataclass(frozen=True)
class _Look:
    """What O-Net says of patches (n) and of their mirror images together.

    `boxes` (n, 4), `landmarks` (n, 5, 2) and `disagreement` (n,), the largest distance between
    landmarks of the two, are in shares of the patch; so is `distortion` (n,), how far the landmarks
    are from any face's, rolled and scaled at will.
    """

    boxes: Values
    confidences: Values
    landmarks: Values
    distortion: Values
    disagreement: Values

    def __getitem__(self, chosen: Indices | NDArray[np.bool_]) -> "_Look":
        return _Look(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @property
    def merit(self) -> Values:
        """How much each looks like an upright face, (n,): the log-odds of the confidence, less 50
        times the distortion and 20 times the disagreement. Of 600 crops' four ways up, the upright
        one has the highest in all; by confidence alone in 99.5%, in one look without its mirror
        image in 96%."""
        odds = log_odds(self.confidences)
        merit: Values = odds - 50 * self.distortion - 20 * self.disagreement
        return merit


class OrientationFinder:
    """Finds out which way up the faces of some photos are, with O-Net."""

    def __init__(self, pyramids: Sequence[Pyramid], onet: Looks) -> None:
        self._pyramids = pyramids
        self._onet = onet

    def upright(self, owners: Indices, landmarks: Floats) -> Faces:
        """The faces whose landmarks were seen somehow, (n, 5, 2) in pixels, as they are seen
        upright. What looks like none that way is left out."""
        frames = _frames_around(landmarks)
        look = self._look(owners, frames)
        hopeful = look.merit > _HOPELESS
        owners, frames, look = owners[hopeful], frames[hopeful], look[hopeful]
        for better in (self._nearer, self._best_way):
            doubtful = np.nonzero(look.merit <= _BEYOND_DOUBT)[0]
            if len(doubtful):
                frames[doubtful] = better(owners[doubtful], frames[doubtful], look[doubtful])
                again = self._look(owners[doubtful], frames[doubtful])
                for field in fields(look):
                    getattr(look, field.name)[doubtful] = getattr(again, field.name)
        return Faces(
            owners,
            _boxes_in_photo(frames, look.boxes).astype(np.float32),
            look.confidences.astype(np.float32),
            _in_photo(frames, look.landmarks).astype(np.float32),
            look.merit,
        )

    def _nearer(self, _owners: Indices, frames: Frames, look: _Look) -> Frames:
        """Frames around the landmarks that a look has seen."""
        return _frames_around(_in_photo(frames, look.landmarks))

    def _best_way(self, owners: Indices, frames: Frames, look: _Look) -> Frames:
        """Frames around the landmarks as they are seen the best way up, which is the upright one
        unless another is clearly better."""
        ways = [frames, *(frames @ turn for turn in _TURNS)]
        looks = [look, *(self._look(owners, way) for way in ways[1:])]
        merits = [
            one.merit + _STANDING * (way[:, 0, 0] > np.abs(way[:, 1, 0]))
            for way, one in zip(ways, looks, strict=True)
        ]
        best = np.argmax(merits, axis=0)
        points = [_in_photo(way, look.landmarks) for way, look in zip(ways, looks, strict=True)]
        return _frames_around(np.stack(points)[best, np.arange(len(best))])

    def _look(self, owners: Indices, frames: Frames) -> _Look:
        patches = patches_of(self._pyramids, owners, frames, _SIDE)
        shifts, points, confidences = self._onet(np.concatenate([patches, patches[:, :, ::-1]]))
        edges, mirrored_edges = np.split(shifts.astype(np.float64), 2)
        plain, mirrored = np.split(points.astype(np.float64), 2)
        mirrored = (mirrored * (-1, 1) + (1, 0))[:, _MIRRORED]
        landmarks = (plain + mirrored) / 2
        return _Look(
            boxes=(edges + mirrored_edges[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)) / 2 + (0, 0, 1, 1),
            confidences=np.mean(np.split(confidences.astype(np.float64), 2), axis=0),
            landmarks=landmarks,
            distortion=_distortion(landmarks),
            disagreement=np.abs(plain - mirrored).max(axis=(1, 2)),
        )


def log_odds(scores: NDArray[np.floating]) -> Values:
    """Confidences as the logarithms of their odds, within ±9.2."""
    kept = scores.astype(np.float64).clip(1e-4, 1 - 1e-4)
    odds: Values = np.log(kept / (1 - kept))
    return odds


def _distortion(landmarks: Values) -> Values:
    fit = similarity(landmarks, _TARGETS)
    fitted = landmarks @ fit[:, :, :2].swapaxes(1, 2) + fit[:, None, :, 2]
    distances: Values = np.abs(fitted - _TARGETS).max(axis=(1, 2))
    return distances


def _frames_around(landmarks: NDArray[np.floating]) -> Frames:
    """The patches' frames (n, 2, 3) in which the landmarks (n, 5, 2), in pixels, lie as an upright
    face's do."""
    return similarity(np.broadcast_to(_TARGETS, landmarks.shape), landmarks)


def _in_photo(frames: Frames, points: Values) -> Values:
    return points @ frames[:, :, :2].swapaxes(1, 2) + frames[:, None, :, 2]


def _boxes_in_photo(frames: Frames, boxes: Values) -> Values:
    """Boxes (n, 4) of the patches as upright boxes in pixels: those around the ellipses that
    touch the edges of the patches' boxes."""
    corners = boxes.reshape(-1, 2, 2)
    middles = _in_photo(frames, corners.mean(axis=1, keepdims=True))[:, 0]
    halves = (corners[:, 1] - corners[:, 0]) / 2
    reach = np.sqrt(((frames[:, :, :2] * halves[:, None]) ** 2).sum(axis=2))
    return np.concatenate([middles - reach, middles + reach], axis=1)
