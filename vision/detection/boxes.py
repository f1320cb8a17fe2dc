"""Arithmetic of boxes: float32 (n, 4) as left, top, right, bottom in pixels."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Scores = NDArray[np.floating]
Indices = NDArray[np.intp]


def suppress(boxes: Floats, scores: Scores, limit: float, *, of_smaller: bool = False) -> Indices:
    """Greedy non-maximum suppression: indices of the boxes kept, best first.

    Two boxes are one when their intersection is more than `limit` of their union, or, with
    `of_smaller`, of the smaller one, which also merges a box inside another.
    """
    order = np.argsort(-scores, kind="stable")
    shared, areas = _shared(boxes[order]), _areas(boxes[order])
    either = np.minimum if of_smaller else np.add
    whole = either(areas[:, None], areas[None])
    one = shared > limit * (whole if of_smaller else whole - shared)
    waiting = np.ones(len(boxes), bool)
    for index in range(len(boxes)):
        if waiting[index]:
            waiting[index + 1 :] &= ~one[index, index + 1 :]
    kept: Indices = order[waiting]
    return kept


def _areas(boxes: Floats) -> Floats:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: Floats = sides[:, 0] * sides[:, 1]
    return areas


def _shared(boxes: Floats) -> Floats:
    """The area (n, n) that each box has in common with each."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared: Floats = sides[..., 0] * sides[..., 1]
    return shared


def suppress_each(
    owners: Indices, boxes: Floats, scores: Scores, limit: float, *, of_smaller: bool = False
) -> Indices:
    """`suppress` among the boxes of each owner."""
    kept = [np.empty(0, np.intp)]
    for owner in np.unique(owners):
        mine = np.nonzero(owners == owner)[0]
        kept.append(mine[suppress(boxes[mine], scores[mine], limit, of_smaller=of_smaller)])
    return np.concatenate(kept)


def squared(boxes: Floats) -> Floats:
    """Squares around the same centres, as wide as each box's longer side."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=1) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def shifted(squares: Floats, shifts: Floats, turns: Indices) -> Floats:
    """Squares whose edges are moved by what a network said of their patches.

    `shifts` (n, 4) are in sides of the square, of patches that were turned by `turns` (n,)
    quarters counter-clockwise, as `numpy.rot90` turns.
    """
    corners = (shifts + np.array([0, 0, 1, 1], np.float32)).reshape(-1, 2, 2)
    upright = turned_back(corners, turns)
    edges = np.concatenate([upright.min(axis=1), upright.max(axis=1)], axis=1)
    moved: Floats = np.tile(squares[:, :2], 2) + edges * np.tile(squares[:, 2:] - squares[:, :2], 2)
    return moved


def turned_back(points: Floats, turns: Indices) -> Floats:
    """Points (n, m, 2) of unit squares that were turned by `turns` (n,) quarters
    counter-clockwise, where they lie in the upright squares."""
    x, y = points[..., 0], points[..., 1]
    ways = ((x, y), (1 - y, x), (1 - x, 1 - y), (y, 1 - x))
    upright = np.stack([np.stack(way, axis=-1) for way in ways])
    chosen: Floats = upright[turns, np.arange(len(points))]
    return chosen
