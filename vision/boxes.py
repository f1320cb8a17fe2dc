"""Arithmetic of boxes: float32 (n, 4) as left, top, right, bottom in pixels."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


def suppress(boxes: Floats, scores: Floats, limit: float, *, of_smaller: bool = False) -> Indices:
    """Greedy non-maximum suppression: indices of the boxes kept, best first.

    Two boxes are one when their intersection is more than `limit` of their union, or, with
    `of_smaller`, of the smaller one, which also merges a box inside another.
    """
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        corners = np.maximum(boxes[best, :2], boxes[waiting, :2])
        sides = np.maximum(np.minimum(boxes[best, 2:], boxes[waiting, 2:]) - corners, 0)
        shared = sides[:, 0] * sides[:, 1]
        if of_smaller:
            whole = np.minimum(areas[best], areas[waiting])
        else:
            whole = areas[best] + areas[waiting] - shared
        waiting = waiting[shared <= limit * whole]
    return np.array(kept, np.intp)


def squared(boxes: Floats) -> Floats:
    """Squares around the same centres, as wide as each box's longer side."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=1) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def shifted(squares: Floats, offsets: Floats) -> Floats:
    """Squares with each edge moved by its offset, a share of the square's side."""
    return squares + offsets * np.tile(squares[:, 2:] - squares[:, :2], 2)


def turned_points(points: Floats, turns: int, width: float, height: float) -> Floats:
    """Points (…, 2) of a picture turned by `turns` quarters counter-clockwise, in the picture.

    `width` and `height` are the upright picture's; `numpy.rot90` turns that way.
    """
    x, y = points[..., 0], points[..., 1]
    back = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[turns]
    return np.stack(back, axis=-1)
