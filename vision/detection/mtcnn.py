"""The MTCNN cascade (see `networks`), with faces of every roll found in one search.

P-Net hardly minds which way up a face is, so it sees a photo once, upright; only the patches it
proposes are turned. What is found is settled by a look at each face the way up it has
(`orientation.OrientationFinder`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vision.crops.light import brighten

from ..types import Box, Detection, Image
from .boxes import Floats, Indices, shifted, squared, suppress, suppress_each, turned_back
from .networks import Network, load_onet, load_pnet, load_rnet
from .orientation import Faces, OrientationFinder, log_odds
from .pyramid import Level, Pyramid, frames_of, patches_of
from .sheets import Sheet, packed

_CELL = 12  # P-Net's field of view in pixels
_STRIDE = 2
# The confidence that each stage asks for; R-Net sees a box twice, and is asked for less at first.
_PROPOSAL, _LED, _REFINED, _FACE = 0.5, 0.1, 0.5, 0.3
_MOST_PEAKS, _MOST_PROPOSALS = 400, 200  # a photo; crowds have fewer, textures thousands
_CHUNK = 128  # patches a network takes at once
_SHEET_PIXELS = 2**20  # of levels P-Net takes at once

# The smallest face looked for, in pixels and as a share of the side of a square as large as the
# photo: 40 of a 12-megapixel photo's 3,464. So the search costs no more however large a photo is.
_SMALLEST_PIXELS, _SMALLEST_SHARE = 36, 0.0115
# The pixels are those of the image where its shorter side has this many, and else of the photo.
_AMPLE_SIDE = 1800
# What the log-odds that P-Net, and half of those that R-Net give to a turned face's upright patch
# come to, in 98 of 100 cases; 4 of 10 other proposals come to that.
_PERHAPS_TURNED = -0.5
# What the brightest hundredth of a photo is brought to where it is darker. Measured in
# docs/experiments/light.md.
_HIGHLIGHTS = 160
# Few photos that show upright faces show others: beside them more is asked.
_TURNED_BESIDE_UPRIGHT = 1.5


@dataclass(frozen=True)
class _Boxes:
    """Boxes (n, 4) in pixels of the photo each belongs to, `owners` (n,), with their `scores` (n,).

    `turns` (n,): by how many quarters, counter-clockwise, a box's patch is turned for it to look
    like a face.
    """

    owners: Indices
    boxes: Floats
    scores: Floats
    turns: Indices

    def __len__(self) -> int:
        return len(self.owners)

    def __getitem__(self, chosen: Indices | NDArray[np.bool_]) -> "_Boxes":
        return _Boxes(
            self.owners[chosen], self.boxes[chosen], self.scores[chosen], self.turns[chosen]
        )

    def turned_each_way(self) -> "_Boxes":
        """The boxes three times, turned by one, two and three quarters."""
        every = self[np.tile(np.arange(len(self)), 3)]
        return replace(every, turns=np.repeat(np.arange(1, 4), len(self)))

    def led(self, shifts: Floats, scores: Floats, least: float) -> "_Boxes":
        """The boxes whose score (n,) is over `least`, where the network would have them by its
        `shifts` (n, 4), one of each."""
        sure = self[scores > least]
        boxes = shifted(squared(sure.boxes), shifts[scores > least], sure.turns)
        led = replace(sure, boxes=boxes, scores=scores[scores > least])
        return led[suppress_each(4 * led.owners + led.turns, led.boxes, led.scores, 0.5)]


class Mtcnn:
    """Loads the three networks once. A `Detector`."""

    def __init__(self) -> None:
        self._pnet, self._rnet = load_pnet(), load_rnet()
        self._onet, self._exact_onet = load_onet(exact=False), load_onet(exact=True)
        warm_up = ((self._pnet, 64), (self._rnet, 24), (self._onet, 48), (self._exact_onet, 48))
        for network, side in warm_up:
            network(np.zeros((1, side, side, 3), np.uint8))

    def detect(
        self, images: Sequence[Image], scales: Sequence[float] | None = None
    ) -> list[list[Detection]]:
        pyramids = [
            _pyramid(brighten(image, _HIGHLIGHTS), scale)
            for image, scale in zip(images, scales or [1.0] * len(images), strict=True)
        ]
        proposals = self._propose(pyramids)
        patches = patches_of(pyramids, proposals.owners, frames_of(squared(proposals.boxes)), 24)
        refined, first = self._refine(pyramids, proposals, patches)
        finder = OrientationFinder(pyramids, partial(_look, self._exact_onet))
        upright = finder.upright(*self._locate(pyramids, refined))
        turned, patches = _perhaps_turned(proposals, patches, first, upright.beyond_doubt())
        refined, _ = self._refine(pyramids, turned, patches)
        otherwise = finder.upright(*self._locate(pyramids, refined))
        faces = Faces.joined([upright, otherwise]).distinct()
        return [
            _detections(image, faces[faces.owners == index]) for index, image in enumerate(images)
        ]

    def _propose(self, pyramids: Sequence[Pyramid]) -> _Boxes:
        """P-Net over every level: candidates of each photo, best first."""
        boxes = [[np.empty((0, 4), np.float32)] for _ in pyramids]
        scores = [[np.empty(0, np.float32)] for _ in pyramids]
        levels = [(owner, one) for owner, each in enumerate(pyramids) for one in each.searched]
        for sheet in packed([level.image.size for _, level in levels], _SHEET_PIXELS):
            shifts, faces = self._pnet(_drawn(sheet, levels)[None])
            grid = shifts[0], faces[0, ..., 1]
            for place in sheet.places:
                owner, level = levels[place.index]
                found, score = _cells(*(_part(values, place.x, place.y, level) for values in grid))
                boxes[owner].append(found / np.float32(level.scale))
                scores[owner].append(score)
        return _gathered(boxes, scores)

    def _refine(
        self, pyramids: Sequence[Pyramid], proposals: _Boxes, patches: NDArray[np.uint8]
    ) -> tuple[_Boxes, Floats]:
        """R-Net over the proposals' patches (n, 24, 24, 3) and once more where that leads it:
        fewer, better boxes. Also the first confidences (n,)."""
        shifts, faces = _in_chunks(self._rnet, patches, (4, 2))
        first = faces[:, 1]
        led = proposals.led(shifts, first, _LED)
        shifts, faces = _in_chunks(self._rnet, _turned_patches(pyramids, led, 24), (4, 2))
        return led.led(shifts, faces[:, 1], _REFINED), first

    def _locate(self, pyramids: Sequence[Pyramid], found: _Boxes) -> tuple[Indices, Floats]:
        """O-Net over what is left: the landmarks (n, 5, 2) of faces and whose they are."""
        squares = squared(found.boxes)
        shifts, landmarks, scores = _look(self._onet, _turned_patches(pyramids, found, 48))
        sure = scores > _FACE
        squares, turns, owners = squares[sure], found.turns[sure], found.owners[sure]
        points = turned_back(landmarks[sure], turns)
        points = points * (squares[:, 2:] - squares[:, :2])[:, None] + squares[:, None, :2]
        boxes = shifted(squares, shifts[sure], turns)
        kept = suppress_each(4 * owners + turns, boxes, scores[sure], 0.6, of_smaller=True)
        return owners[kept], points[kept]


def _turned_patches(pyramids: Sequence[Pyramid], boxes: _Boxes, side: int) -> NDArray[np.uint8]:
    patches = patches_of(pyramids, boxes.owners, frames_of(squared(boxes.boxes)), side)
    for turn in (1, 2, 3):
        lies = boxes.turns == turn
        patches[lies] = np.rot90(patches[lies], turn, (1, 2))
    return patches


def smallest_face(width: int, height: int, scale: float = 1.0) -> float:
    """The side in pixels of the smallest face looked for in an image of this size, which is
    `scale` times as large as its photo."""
    pixels = _SMALLEST_PIXELS if min(width, height) >= _AMPLE_SIDE else scale * _SMALLEST_PIXELS
    return max(pixels, _SMALLEST_SHARE * math.sqrt(width * height))


def _pyramid(image: Image, scale: float) -> Pyramid:
    height, width = image.shape[:2]
    return Pyramid.of(image, _CELL / smallest_face(width, height, scale), _CELL)


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


def _cells(shifts: Floats, faces: Floats) -> tuple[Floats, Floats]:
    """The peaks of P-Net's grid as boxes (n, 4) in pixels of its level, with their scores (n,)."""
    rows, columns = np.nonzero(_peaks(faces) & (faces > _PROPOSAL))
    corners = np.stack([columns, rows], axis=1) * _STRIDE
    cells = np.concatenate([corners, corners + _CELL], axis=1).astype(np.float32)
    return cells + shifts[rows, columns] * _CELL, faces[rows, columns]


def _peaks(values: Floats) -> NDArray[np.bool_]:
    """Where no neighbour in a grid is larger: the boxes of neighbours show the same."""
    padded = np.pad(values, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    peaks: NDArray[np.bool_] = values >= highest
    return peaks


def _gathered(boxes: Sequence[Sequence[Floats]], scores: Sequence[Sequence[Floats]]) -> _Boxes:
    """The best boxes of all photos in one."""
    gathered = list(_best_of(boxes, scores))
    owners = np.repeat(np.arange(len(boxes)), [len(score) for _, score in gathered])
    return _Boxes(
        owners,
        np.concatenate([np.empty((0, 4), np.float32), *(box for box, _ in gathered)]),
        np.concatenate([np.empty(0, np.float32), *(score for _, score in gathered)]),
        np.zeros(len(owners), np.intp),
    )


def _best_of(
    boxes: Sequence[Sequence[Floats]], scores: Sequence[Sequence[Floats]]
) -> Iterator[tuple[Floats, Floats]]:
    for found, score in zip(boxes, scores, strict=True):
        every, all_scores = np.concatenate(found), np.concatenate(score)
        best = np.argsort(-all_scores, kind="stable")[:_MOST_PEAKS]
        best = best[suppress(every[best], all_scores[best], 0.5)][:_MOST_PROPOSALS]
        yield every[best], all_scores[best]


def _perhaps_turned(
    proposals: _Boxes, patches: NDArray[np.uint8], scores: Floats, faces: Faces
) -> tuple[_Boxes, NDArray[np.uint8]]:
    """Proposals, each turned three ways, that may show a face on its side or upside down; and
    their patches. `scores` (n,) are R-Net's of the upright patches, `faces` are found already."""
    beside = np.isin(proposals.owners, faces.owners[faces.stand()])
    least = np.where(beside, _TURNED_BESIDE_UPRIGHT, _PERHAPS_TURNED)
    likely = log_odds(proposals.scores) + 0.5 * log_odds(scores) > least
    left = np.nonzero(likely & ~_inside(proposals, faces))[0]
    turned = [np.rot90(patches[left], turn, (1, 2)) for turn in (1, 2, 3)]
    return proposals[left].turned_each_way(), np.concatenate(turned)


def _inside(proposals: _Boxes, faces: Faces) -> NDArray[np.bool_]:
    """Which proposals (n,) have their centre in a face that is found already."""
    centres = (proposals.boxes[:, None, :2] + proposals.boxes[:, None, 2:]) / 2
    within = (faces.boxes[None, :, :2] < centres) & (centres < faces.boxes[None, :, 2:])
    same = proposals.owners[:, None] == faces.owners[None]
    inside: NDArray[np.bool_] = (within.all(axis=2) & same).any(axis=1)
    return inside


def _look(onet: Network, patches: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    """What O-Net says of patches (n, 48, 48, 3): shifts (n, 4) of their edges, landmarks
    (n, 5, 2) in shares of the patch, confidences (n,)."""
    shifts, points, faces = _in_chunks(onet, patches, (4, 10, 2))
    return shifts, points.reshape(-1, 2, 5).transpose(0, 2, 1), faces[:, 1]


def _in_chunks(
    network: Network, patches: NDArray[np.uint8], widths: tuple[int, ...]
) -> list[Floats]:
    """A network's outputs, of the given widths, over any number of patches, none included."""
    parts = [[np.empty((0, width), np.float32)] for width in widths]
    for start in range(0, len(patches), _CHUNK):
        chunk = np.ascontiguousarray(patches[start : start + _CHUNK])
        for part, output in zip(parts, network(chunk), strict=True):
            part.append(output)
    return [np.concatenate(part) for part in parts]


def _detections(image: Image, faces: Faces) -> list[Detection]:
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
