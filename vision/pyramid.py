"""A photo at several scales, and patches of it that are never aliased."""

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from .boxes import Floats
from .types import Image

STEP = 0.709  # about 1/√2: each level has half the pixels of the one before


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
    def of(cls, base: Level, scale: float, cell: int) -> "Pyramid":
        """Searched from `scale` down to where the shorter side is `cell` pixels."""
        sharp = [base]
        while sharp[-1].scale >= 2 * scale and min(sharp[-1].image.size) > 1:
            sharp.append(Level(sharp[-1].scale / 2, sharp[-1].image.reduce(2)))
        searched: list[Level] = []
        width, height = (side / base.scale for side in base.image.size)
        while min(width, height) * scale >= cell:
            size = (round(width * scale), round(height * scale))
            finer = (searched or sharp)[-1].image
            searched.append(Level(scale, finer.resize(size, Pillow.Resampling.BILINEAR)))
            scale *= STEP
        return cls(tuple(sharp), tuple(searched))

    def patch(self, square: Floats, side: int) -> Image:
        """The square (left, top, right, bottom, full-size pixels) as uint8 (side, side, 3).

        It is sampled from the coarsest sharp level that is still as sharp as the patch. Black
        outside.
        """
        left, top, right, _ = square.tolist()
        width = max(right - left, 1e-6)
        level = self.sharp[0]
        for coarser in self.sharp[1:]:
            if coarser.scale * width >= side:
                level = coarser
        step = width / side * level.scale
        affine = (step, 0, left * level.scale, 0, step, top * level.scale)
        patch = level.image.transform(
            (side, side), Pillow.Transform.AFFINE, affine, Pillow.Resampling.BILINEAR
        )
        return np.asarray(patch)
