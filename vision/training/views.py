"""Views of faces that a training has not seen yet: drawn here on the host, as small arrays, and
rendered from crops on whatever device the network learns on.

A view is a function of its crop and its arrays alone, so that a training that goes on half-way
sees what it would have seen.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from vision.crops.reading import Reading

from ..types import LUMA
from . import view_ops
from .network_recipes import Augmentation
from .reading_ops import reading_steps

_MIDDLE = 128.0  # the value that contrast leaves alone

# The most: as far as `vision.evaluation.edits` moves the pixels of a photo that is then reduced to
# a crop of 96 to 128 pixels (a test measures it).
MOST_BLUR = 1.3  # pixels of the view: σ of the Gaussian
MOST_SHARPENING = 1.1  # of an unsharp mask with this σ in pixels of the view:
SHARPENING_SIGMA = 1.0
MOST_NOISE = 4.0  # levels: σ
MOST_JPEG = 1.0  # of the steps of libjpeg's quality 50
_LEAST_SHARE = 0.1  # of the most, where there is any at all

Views = Mapping[str, Any]
"""Arrays with an axis of N views first, as `draw_views` makes them."""


def draw_views(
    rng: np.random.Generator, strength: Augmentation, count: int
) -> dict[str, NDArray[Any]]:
    """So many views at random; float32 where nothing else is said.

    `warp` (N, 2, 3) maps the view's points to the crop's, both in shares of the side; `colour`
    (N, 3, 4) pixels to what they become; `erased` (N, 5) is a rectangle in shares of the side
    (left, top, width, height) and the value 0-255 that fills it, all 0 for none; `partner` (N,),
    int32, the view that each is blended with and `share` (N,) what it keeps of itself. Then, all
    (N,) and 0 for none: `blur`, σ in pixels of the view; `sharpen`, the amount of an unsharp
    mask; `noise`, σ in levels, and `noise_at` (N, 2), int32, where its noise is read; `jpeg`, the
    strength of the quantiser.
    """
    partner, share = _blend(rng, strength, count)
    return {
        "warp": _warp(rng, strength, count),
        "colour": _colour(rng, strength, count),
        "erased": _erased(rng, strength, count),
        "partner": partner,
        "share": share,
        "blur": _some(rng, strength.blur, MOST_BLUR, count),
        "sharpen": _some(rng, strength.sharpen, MOST_SHARPENING, count),
        "noise": _some(rng, strength.noise, MOST_NOISE, count),
        "noise_at": rng.integers(view_ops.NOISE_SIDE, size=(count, 2), dtype=np.int32),
        "jpeg": _some(rng, strength.jpeg, MOST_JPEG, count),
    }


def _warp(rng: np.random.Generator, strength: Augmentation, count: int) -> NDArray[np.float32]:
    side = np.exp(rng.uniform(np.log(strength.smallest), np.log(strength.largest), count))
    stretch = np.exp(rng.uniform(-1, 1, count) * np.log1p(strength.stretch) / 2)
    angle = np.deg2rad(rng.uniform(-1, 1, count) * strength.rotation)
    centre = 0.5 + rng.uniform(-1, 1, (count, 2, 1)) * strength.shift
    mirror = np.where(strength.mirror & (rng.random(count) < 0.5), -1, 1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # Columns are scaled: the view's axes, in the crop.
    linear = np.moveaxis(turn * [side * stretch * mirror, side / stretch], -1, 0)
    offset = centre - linear.sum(axis=2, keepdims=True) / 2
    return np.concatenate([linear, offset], axis=2).astype(np.float32)


def _colour(rng: np.random.Generator, strength: Augmentation, count: int) -> NDArray[np.float32]:
    spread = [[strength.brightness], [strength.contrast], [strength.saturation]]
    brightness, contrast, saturation = 1 + rng.uniform(-1, 1, (3, count)) * spread
    saturation[rng.random(count) < strength.grey] = 0.0
    colourless = np.tile(LUMA, (3, 1))
    mixing = colourless + saturation[:, None, None] * (np.eye(3) - colourless)
    offset = np.tile((_MIDDLE * (1 - contrast))[:, None, None], (3, 1))
    colour = np.concatenate([contrast[:, None, None] * mixing, offset], axis=2)
    brightened: NDArray[np.float64] = brightness[:, None, None] * colour
    return brightened.astype(np.float32)


def _erased(rng: np.random.Generator, strength: Augmentation, count: int) -> NDArray[np.float32]:
    """Rectangles of 2 to 15% of the view (Zhong et al., "Random erasing data augmentation",
    AAAI 2020)."""
    area, shape = rng.uniform(0.02, 0.15, count), np.exp(rng.uniform(-0.7, 0.7, count))
    width, height = np.sqrt(area * shape), np.sqrt(area / shape)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    rectangle = np.column_stack([left, top, width, height, rng.integers(256, size=count)])
    rectangle[rng.random(count) >= strength.erase] = 0
    return rectangle.astype(np.float32)


def _blend(
    rng: np.random.Generator, strength: Augmentation, count: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Partners and shares of mixup (Zhang et al., ICLR 2018); each keeps the larger share."""
    if not strength.mixup:
        return np.arange(count, dtype=np.int32), np.ones(count, np.float32)
    share = rng.beta(strength.mixup, strength.mixup, count)
    partner = rng.permutation(count).astype(np.int32)
    return partner, np.maximum(share, 1 - share).astype(np.float32)


def _some(rng: np.random.Generator, share: float, most: float, count: int) -> NDArray[np.float32]:
    """A share of the views gets up to `most`."""
    amount = rng.uniform(_LEAST_SHARE * most, most, count)
    return np.where(rng.random(count) < share, amount, 0).astype(np.float32)


class RenderViews(keras.layers.Layer):  # type: ignore[misc]
    """Crops, uint8 (N, S, S, 3), and their views → uint8 (N, size, size, 3).

    Without weights, and random in nothing. What `strength` rules out is not computed, whatever
    the views say. A view is read, as `reading` has it, before a part of it is erased: the edges
    of that are no detail of a face.
    """

    def __init__(self, size: int, strength: Augmentation, reading: Reading) -> None:
        super().__init__(dtype="float32", trainable=False)
        self._size = size
        self._strength = strength
        self._steps = reading_steps(reading)

    def call(self, crops: Any, views: Views) -> Any:
        levels = ops.round(self._photo(ops.cast(crops, "float32"), views))
        for step in self._steps:
            levels = step(levels)
        if self._strength.erase:
            levels = view_ops.erased(levels, views["erased"])
        if self._strength.mixup:
            levels = ops.round(view_ops.blended(levels, views["partner"], views["share"]))
        return ops.cast(levels, "uint8")

    def _photo(self, pixels: Any, views: Views) -> Any:
        """As another camera and another editor would have had it; levels, not yet whole."""
        strength = self._strength
        soften = strength.blur > 0 or strength.largest * pixels.shape[1] > self._size
        pixels = view_ops.sampled(pixels, views["warp"], views["blur"], self._size, soften=soften)
        pixels = view_ops.coloured(pixels, views["colour"])
        if strength.sharpen:
            pixels = view_ops.sharpened(pixels, views["sharpen"], SHARPENING_SIGMA)
        if strength.noise:
            pixels = view_ops.noisy(pixels, views["noise"], views["noise_at"])
        if strength.jpeg:
            pixels = view_ops.compressed(pixels, views["jpeg"])
        return pixels
