"""Finding faces: the MTCNN cascade (Zhang et al. 2016) over the networks of the `mtcnn` package.

The cascade around the networks is our own: patches that are never aliased, all levels of all
photos of a call on a few sheets, graphs traced once for all photo sizes, and a second look at the
photo turned by quarters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from .alignment import distortion
from .boxes import Floats, Indices, shifted, squared, suppress, turned_points
from .pyramid import Level, Pyramid
from .sheets import Sheet, packed
from .types import Box, Detection, Image, Landmarks

_CELL = 12  # P-Net's field of view in pixels
_STRIDE = 2
_PROPOSAL, _REFINED, _FACE = 0.6, 0.7, 0.85  # the confidence each stage asks for
_MOST_PROPOSALS = 300  # a photo; crowds have fewer, textures would have thousands
_CHUNK = 128  # patches a network takes at once
_SHEET_PIXELS = 2**20  # of levels P-Net takes at once

# Folds of cloth pass for faces now and then, but their landmarks do not lie like a face's: a
# detection must have plausible ones, or be as sure as only faces are.
_PLAUSIBLE, _CERTAIN = 0.09, 0.97

# The smallest face looked for, as a share of the photo's longer side and in pixels: 36 of a
# 12-megapixel photo's 4,000, never fewer than 24.
_SMALLEST_SHARE, _SMALLEST_PIXELS = 0.009, 24

# P-Net knows faces rolled by up to some 45 degrees. Faces lying on their side or upside down are
# looked for in turned copies, reduced so far that the three of them cost little: faces from a
# thirtieth of the longer side and 36 pixels up. Few photos have any, so these must be sure and
# plausible.
_TURNED_SHARE, _TURNED_PIXELS, _TURNED_SIDE = 1 / 30, 36, 1440
_NOISE = 0.005  # of the confidence in one face, from one turn of the photo to the next


@dataclass(frozen=True)
class _Faces:
    """The cascade's result for one photo: (n, 4), (n,), (n, 5, 2), in full-size pixels."""

    boxes: Floats
    confidences: Floats
    landmarks: Floats

    def __getitem__(self, chosen: Indices | NDArray[np.bool_]) -> "_Faces":
        return _Faces(self.boxes[chosen], self.confidences[chosen], self.landmarks[chosen])

    def turned_back(self, turns: int, image: Image) -> "_Faces":
        """The same faces in the upright image, of a copy turned by `turns` quarters."""
        height, width = image.shape[:2]
        corners = turned_points(self.boxes.reshape(-1, 2, 2), turns, width, height)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        landmarks = turned_points(self.landmarks, turns, width, height)
        return _Faces(boxes, self.confidences, landmarks)


class FaceDetector:
    """Loads the three networks once. Not for use by several threads at once."""

    def __init__(self) -> None:
        import tensorflow as tf
        from mtcnn.network.onet import ONet
        from mtcnn.network.pnet import PNet
        from mtcnn.network.rnet import RNet
        from mtcnn.utils.tensorflow import load_weights

        def graph(network: Any, weights: str, side: int | None) -> Any:
            network.build()
            network.set_weights(load_weights(weights))
            shape = tf.TensorSpec([None, side, side, 3], tf.float32)
            return tf.function(network, input_signature=[shape])

        self._pnet = graph(PNet(), "pnet.lz4", None)
        self._rnet = graph(RNet(), "rnet.lz4", 24)
        self._onet = graph(ONet(), "onet.lz4", 48)

    def warm_up(self) -> None:
        """Trace and run every network once, so that the first photo does not pay for it."""
        self._pnet(np.zeros((1, 64, 64, 3), np.float32))
        self._rnet(np.zeros((1, 24, 24, 3), np.float32))
        self._onet(np.zeros((1, 48, 48, 3), np.float32))

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Every face of every image, uint8 (H, W, 3) RGB of any size; the largest face first.

        Boxes and landmarks are in pixels of the image; boxes are clipped to it.
        """
        pyramids = [_upright_pyramid(image) for image in images]
        looks = [look for pyramid in pyramids for look in (pyramid, *_turned(pyramid))]
        seen = self._look(looks)
        found = []
        for index, image in enumerate(images):
            upright, *turned = seen[4 * index : 4 * index + 4]
            back = [
                faces[_beyond_doubt(faces)].turned_back(turns, image)
                for turns, faces in enumerate(turned, start=1)
            ]
            found.append(_detections(image, _merged(upright, back)))
        return found

    def _look(self, pyramids: Sequence[Pyramid]) -> list[_Faces]:
        """The cascade over some photos."""
        owners, boxes = _gather(self._propose(pyramids))
        owners, boxes = self._refine(pyramids, owners, boxes)
        owners, faces = self._locate(pyramids, owners, boxes)
        return [faces[owners == index] for index in range(len(pyramids))]

    def _propose(self, pyramids: Sequence[Pyramid]) -> list[Floats]:
        """P-Net over every level: candidate boxes (n, 4) of each photo, best first."""
        boxes = [[np.empty((0, 4), np.float32)] for _ in pyramids]
        scores = [[np.empty(0, np.float32)] for _ in pyramids]
        levels = [(owner, one) for owner, each in enumerate(pyramids) for one in each.searched]
        for sheet in packed([level.image.size for _, level in levels], _SHEET_PIXELS):
            shifts, faces = self._pnet(_normalise(_drawn(sheet, levels))[None])
            grid = shifts.numpy()[0], faces.numpy()[0, ..., 1]
            for place in sheet.places:
                owner, level = levels[place.index]
                found, score = _cells(*(_part(values, place.x, place.y, level) for values in grid))
                kept = suppress(found, score, 0.5)
                boxes[owner].append(found[kept] / np.float32(level.scale))
                scores[owner].append(score[kept])
        return [
            _best(np.concatenate(found), np.concatenate(score))
            for found, score in zip(boxes, scores, strict=True)
        ]

    def _refine(
        self, pyramids: Sequence[Pyramid], owners: Indices, boxes: Floats
    ) -> tuple[Indices, Floats]:
        """R-Net over all candidates of all photos: fewer, better boxes."""
        squares = squared(boxes)
        patches = _patches(pyramids, owners, squares, 24)
        offsets, faces = _in_chunks(self._rnet, patches, (4, 2))
        sure = faces[:, 1] > _REFINED
        owners, scores = owners[sure], faces[sure, 1]
        boxes = shifted(squares[sure], offsets[sure])
        kept = _suppress_each(owners, boxes, scores, 0.7)
        return owners[kept], boxes[kept]

    def _locate(
        self, pyramids: Sequence[Pyramid], owners: Indices, boxes: Floats
    ) -> tuple[Indices, _Faces]:
        """O-Net over what is left: final boxes, confidences and landmarks."""
        squares = squared(boxes)
        patches = _patches(pyramids, owners, squares, 48)
        offsets, points, scores = _in_chunks(self._onet, patches, (4, 10, 2))
        sure = scores[:, 1] > _FACE
        owners, squares = owners[sure], squares[sure]
        # The network gives five x, then five y, as shares of its square patch.
        landmarks = points[sure].reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = landmarks * (squares[:, 2:] - squares[:, :2])[:, None] + squares[:, None, :2]
        faces = _Faces(shifted(squares, offsets[sure]), scores[sure, 1], landmarks)
        kept = _suppress_each(owners, faces.boxes, faces.confidences, 0.6, of_smaller=True)
        plausible = [_is_face(faces.confidences[i], faces.landmarks[i]) for i in kept]
        kept = kept[np.array(plausible, bool)]
        return owners[kept], faces[kept]


def _is_face(confidence: float, landmarks: Landmarks) -> bool:
    return confidence > _CERTAIN or distortion(landmarks) < _PLAUSIBLE


def _beyond_doubt(faces: _Faces) -> NDArray[np.bool_]:
    plausible = np.array([distortion(one) < _PLAUSIBLE for one in faces.landmarks], bool)
    return plausible & (faces.confidences > _CERTAIN)


def smallest_face(width: int, height: int) -> float:
    """The side in pixels of the smallest face looked for in a photo of this size."""
    return max(_SMALLEST_PIXELS, _SMALLEST_SHARE * max(width, height))


def _upright_pyramid(image: Image) -> Pyramid:
    base = Level(1.0, Pillow.fromarray(image))
    return Pyramid.of(base, _CELL / smallest_face(*base.image.size), _CELL)


def _turned(upright: Pyramid) -> Iterator[Pyramid]:
    """A reduced photo turned by one, two and three quarters counter-clockwise."""
    longer = max(upright.sharp[0].image.size)
    small = upright.sharp[0]
    for level in upright.sharp[1:]:
        if max(level.image.size) >= _TURNED_SIDE:
            small = level
    scale = _CELL / max(_TURNED_SHARE * longer, _TURNED_PIXELS)
    for turn in (
        Pillow.Transpose.ROTATE_90,
        Pillow.Transpose.ROTATE_180,
        Pillow.Transpose.ROTATE_270,
    ):
        yield Pyramid.of(Level(small.scale, small.image.transpose(turn)), scale, _CELL)


def _drawn(sheet: Sheet, levels: Sequence[tuple[int, Level]]) -> Image:
    pixels = np.zeros((sheet.height, sheet.width, 3), np.uint8)
    for place in sheet.places:
        image = levels[place.index][1].pixels
        height, width = image.shape[:2]
        pixels[place.y : place.y + height, place.x : place.x + width] = image
    return pixels


def _part(grid: Floats, x: int, y: int, level: Level) -> Floats:
    """P-Net's grid over one level of a sheet: only cells that lie on it as a whole."""
    width, height = level.image.size
    row, column = y // _STRIDE, x // _STRIDE
    rows, columns = ((side - _CELL) // _STRIDE + 1 for side in (height, width))
    return grid[row : row + rows, column : column + columns]


def _best(boxes: Floats, scores: Floats) -> Floats:
    return boxes[suppress(boxes, scores, 0.7)[:_MOST_PROPOSALS]]


def _normalise(pixels: NDArray[np.uint8]) -> Floats:
    normal: Floats = (pixels.astype(np.float32) - 127.5) * np.float32(1 / 128)
    return normal


def _cells(offsets: Floats, faces: Floats) -> tuple[Floats, Floats]:
    """P-Net's grid as boxes (n, 4) in pixels of its level, with their scores (n,)."""
    rows, columns = np.nonzero(faces > _PROPOSAL)
    corners = np.stack([columns, rows], axis=1) * _STRIDE
    cells = np.concatenate([corners, corners + _CELL], axis=1).astype(np.float32)
    return cells + offsets[rows, columns] * _CELL, faces[rows, columns]


def _patches(pyramids: Sequence[Pyramid], owners: Indices, squares: Floats, side: int) -> Floats:
    """Each square of its owner's photo, normalised, (n, side, side, 3)."""
    patches = np.empty((len(squares), side, side, 3), np.uint8)
    for index, (owner, square) in enumerate(zip(owners, squares, strict=True)):
        patches[index] = pyramids[owner].patch(square, side)
    return _normalise(patches)


def _in_chunks(network: Any, patches: Floats, widths: tuple[int, ...]) -> list[Floats]:
    """A network's outputs, of the given widths, over any number of patches, none included."""
    parts = [[np.empty((0, width), np.float32)] for width in widths]
    for start in range(0, len(patches), _CHUNK):
        for part, output in zip(parts, network(patches[start : start + _CHUNK]), strict=True):
            part.append(output.numpy())
    return [np.concatenate(part) for part in parts]


def _gather(boxes: Sequence[Floats]) -> tuple[Indices, Floats]:
    """The boxes of all photos in one array, and the photo each belongs to."""
    owners = np.repeat(np.arange(len(boxes)), [len(one) for one in boxes])
    return owners, np.concatenate([np.empty((0, 4), np.float32), *boxes])


def _suppress_each(
    owners: Indices, boxes: Floats, scores: Floats, limit: float, *, of_smaller: bool = False
) -> Indices:
    """`suppress` within each photo."""
    kept = [np.empty(0, np.intp)]
    for owner in np.unique(owners):
        mine = np.nonzero(owners == owner)[0]
        kept.append(mine[suppress(boxes[mine], scores[mine], limit, of_smaller=of_smaller)])
    return np.concatenate(kept)


def _merged(upright: _Faces, turned: Sequence[_Faces]) -> _Faces:
    """One set of faces of all looks. Where two found one face, the upright look's unless a turned
    one's is surer beyond the noise: half-way between them both are about as sure."""
    looks = (upright, *turned)
    every = _Faces(
        np.concatenate([faces.boxes for faces in looks]),
        np.concatenate([faces.confidences for faces in looks]),
        np.concatenate([faces.landmarks for faces in looks]),
    )
    surety = every.confidences.copy()
    surety[: len(upright.boxes)] += _NOISE
    return every[suppress(every.boxes, surety, 0.4, of_smaller=True)]


def _detections(image: Image, faces: _Faces) -> list[Detection]:
    height, width = image.shape[:2]
    limits = np.array([width, height, width, height], np.float32)
    corners = np.rint(np.clip(faces.boxes, 0, limits)).astype(int)
    found = [
        Detection(Box(left, top, right - left, bottom - top), float(confidence), landmarks)
        for (left, top, right, bottom), confidence, landmarks in zip(
            corners.tolist(), faces.confidences, faces.landmarks, strict=True
        )
        if right > left and bottom > top
    ]
    return sorted(found, key=lambda face: -face.box.width * face.box.height)
