"""A photo at several scales, and patches of it that are never aliased."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ..types import Image
from .boxes import Floats, Indices

STEP = 0.55

Frames = NDArray[np.float64]
"""(n, 2, 3): each maps points of a patch, in shares of its sides, to pixels of the photo."""


@dataclass(frozen=True)
class Level:
    """The photo at `scale` times its full size."""

    scale: float
    image: Pillow.Image

    @property
    def pixels(self) -> Image:
        return np.asarray(self.image)


@dataclass(frozen=True)
class Pyramid:
    """`sharp` levels, each half the one before, serve patches; `searched` ones are scanned."""

    sharp: tuple[Level, ...]
    searched: tuple[Level, ...]

    @classmethod
    def of(cls, image: Image, scale: float, cell: int) -> "Pyramid":
        """Searched from `scale` down to where the shorter side is `cell` pixels, which a face that
        fills the photo needs."""
        sharp = [Level(1.0, Pillow.fromarray(image))]
        while sharp[-1].scale >= 2 * scale and min(sharp[-1].image.size) > 1:
            sharp.append(Level(sharp[-1].scale / 2, sharp[-1].image.reduce(2)))
        width, height = sharp[0].image.size
        last = cell / min(width, height)
        searched: list[Level] = []
        while scale >= last:
            size = (round(width * scale), round(height * scale))
            finer = (searched or sharp)[-1].image
            searched.append(Level(scale, finer.resize(size, Pillow.Resampling.BILINEAR)))
            scale = max(scale * STEP, last) if scale > last else 0.0
        return cls(tuple(sharp), tuple(searched))

    def patch(self, frame: Frames, side: int) -> Image:
        """What a frame (2, 3) shows, as uint8 (side, side, 3); black outside the photo.

        It is sampled from the coarsest sharp level that is still as sharp as the patch.
        """
        (xx, xy, x), (yx, yy, y) = frame.tolist()
        width = math.hypot(xx, yx)
        level = self.sharp[0]
        for coarser in self.sharp[1:]:
            if coarser.scale * width >= side:
                level = coarser
        step = level.scale / side
        affine = (xx * step, xy * step, x * level.scale, yx * step, yy * step, y * level.scale)
        return np.asarray(
            level.image.transform(
                (side, side), Pillow.Transform.AFFINE, affine, Pillow.Resampling.BILINEAR
            )
        )


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
    for index, (owner, frame) in enumerate(zip(owners, frames, strict=True)):
        patches[index] = pyramids[owner].patch(frame, side)
    return patches
