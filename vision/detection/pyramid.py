"""A photo at several scales, and patches of it that are never aliased."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ..types import Image
from .boxes import Floats, Indices

STEP = 0.63

Frames = NDArray[np.float64]
"""(n, 2, 3): each maps points of a patch, in shares of its sides, to pixels of the photo."""


@dataclass(frozen=True)
class Level:
    """The photo at `scale` times its full size."""

    scale: float
    image: Pillow.Image

    @cached_property
    def pixels(self) -> Image:
        return np.asarray(self.image)


@dataclass(frozen=True)
class Pyramid:
    """`sharp` levels, each half the one before, serve patches; `searched` ones are scanned."""

    sharp: tuple[Level, ...]
    searched: tuple[Level, ...]

    @classmethod
    def of(cls, image: Image, scale: float, cell: int) -> "Pyramid":
        """Searched from `scale` down to where the shorter side is `cell` pixels."""
        sharp = [Level(1.0, Pillow.fromarray(image))]
        while sharp[-1].scale >= 2 * scale and min(sharp[-1].image.size) > 1:
            sharp.append(Level(sharp[-1].scale / 2, sharp[-1].image.reduce(2)))
        searched: list[Level] = []
        width, height = sharp[0].image.size
        while min(width, height) * scale >= cell:
            size = (round(width * scale), round(height * scale))
            finer = (searched or sharp)[-1].image
            searched.append(Level(scale, finer.resize(size, Pillow.Resampling.BILINEAR)))
            scale *= STEP
        return cls(tuple(sharp), tuple(searched))

    def patches(self, frames: Frames, side: int) -> NDArray[np.uint8]:
        """What each of the frames shows, (n, side, side, 3); black outside the photo.

        Each is sampled, between pixels, from the coarsest sharp level that is as sharp as it.
        """
        patches = np.empty((len(frames), side, side, 3), np.uint8)
        widths = np.hypot(frames[:, 0, 0], frames[:, 1, 0])
        scales = np.array([level.scale for level in self.sharp])
        chosen = (scales[None, 1:] * widths[:, None] >= side).sum(axis=1)
        for index in np.unique(chosen):
            here = chosen == index
            patches[here] = _sampled(self.sharp[index], frames[here], side)
        return patches


def frames_of(squares: Floats) -> Frames:
    """Squares (n, 4) in pixels of the photo as frames."""
    frames = np.zeros((len(squares), 2, 3))
    frames[:, 0, 0] = frames[:, 1, 1] = squares[:, 2] - squares[:, 0]
    frames[:, :, 2] = squares[:, :2]
    return frames


def patches_of(
    pyramids: Sequence[Pyramid], owners: Indices, frames: Frames, side: int
) -> NDArray[np.uint8]:
    """What each frame shows of its owner's photo, (n, side, side, 3)."""
    patches = np.empty((len(frames), side, side, 3), np.uint8)
    for owner in np.unique(owners):
        mine = owners == owner
        patches[mine] = pyramids[owner].patches(frames[mine], side)
    return patches


def _sampled(level: Level, frames: Frames, side: int) -> NDArray[np.uint8]:
    """Bilinear samples at the middles of the patches' pixels."""
    pixels = level.pixels
    height, width = pixels.shape[:2]
    middles = (np.arange(side, dtype=np.float32) + 0.5) / side
    linear = (frames[:, :, :2] * level.scale).astype(np.float32)
    origin = (frames[:, :, 2] * level.scale - 0.5).astype(np.float32)
    points = (
        linear[:, :, 1, None, None] * middles[:, None]
        + linear[:, :, 0, None, None] * middles
        + origin[:, :, None, None]
    )
    corner = np.floor(points)
    right, down = np.moveaxis(points - corner, 1, 0)[..., None]
    x, y = np.moveaxis(corner.astype(np.int32), 1, 0)
    flat = pixels.reshape(-1, 3)
    rows = [np.clip(y + dy, 0, height - 1) * width for dy in (0, 1)]
    columns = [np.clip(x + dx, 0, width - 1) for dx in (0, 1)]
    (nw, ne), (sw, se) = [
        [flat[row + column].astype(np.float32) for column in columns] for row in rows
    ]
    north, south = nw + (ne - nw) * right, sw + (se - sw) * right
    values = north + (south - north) * down
    values[(x < -1) | (y < -1) | (x >= width) | (y >= height)] = 0
    return (values + 0.5).astype(np.uint8)
