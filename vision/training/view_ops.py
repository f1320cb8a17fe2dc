"""What views are made with, in the operations of Keras' backend: compiled, on any device.

Pixels are float32 levels (N, S, S, C) of 0-255 throughout, not whole ones except where it says
so; every function keeps the size, but for `sampled`, which gives the one it is asked for.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray

from vision.crops import softness

_BLOCK = 8  # pixels of a side, of what JPEG transforms at once
NOISE_SIDE = 512

# ITU-T T.81, tables K.1 and K.2: the steps of libjpeg's quality 50.
_LUMINANCE_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_COLOUR_STEPS = np.full((_BLOCK, _BLOCK), 99, np.float32)
_COLOUR_STEPS[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# JFIF's Y, Cb, Cr of red, green, blue.
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
_FROM_YCC = np.linalg.inv(_TO_YCC).astype(np.float32)


def both_ways(pixels: Any, matrix: Any) -> Any:
    """M X Mᵀ of every channel X (S, S): a linear operation along columns and rows, by a matrix
    (T, S) or one an image (N, T, S). Any (N, S, S, C) → (N, T, T, C)."""
    target, source = matrix.shape[-2:]
    channels = pixels.shape[-1]
    # A transposition after each puts the other axis first, and both the right way again.
    for along in (source, target):
        flat = ops.reshape(pixels, (-1, source, along * channels))
        turned = ops.reshape(ops.matmul(matrix, flat), (-1, target, along, channels))
        pixels = ops.transpose(turned, (0, 2, 1, 3))
    return pixels


def blurred(pixels: Any, sigma: Any) -> Any:
    """Each image blurred by its own `sigma` (N,), in pixels: `softness.blur`."""
    cosines, frequencies = softness.cosine_transform(pixels.shape[1])
    decay = (-2 * (np.pi * frequencies) ** 2).astype(np.float32)
    weaker = ops.exp(decay * ops.square(sigma)[:, None])
    return both_ways(pixels, ops.matmul(cosines.T * weaker[:, None], cosines))


def clipped(pixels: Any) -> Any:
    """No level below 0 or over 255."""
    return ops.clip(pixels, 0, 255)


def sampled(crops: Any, warp: Any, blur: Any, size: int, *, soften: bool) -> Any:
    """The views (N, size, size, C) that `warp` (N, 2, 3) cuts, blurred by `blur` (N,) of their
    pixels; bilinear, around the crop its border is repeated.

    Where a pixel of the view is s > 1 of the crop's, a Gaussian comes before. Its variance,
    (s² - 1) / 6, makes of the bilinear filter's triangle, whose variance is 1/6, one as wide as
    Pillow's when it reduces by s, which is how crops are read for an estimate. The blur is added
    to it. `soften` tells whether there may be any of either.
    """
    side = crops.shape[1]
    if soften:
        area = ops.abs(warp[:, 0, 0] * warp[:, 1, 1] - warp[:, 0, 1] * warp[:, 1, 0])
        shrinking = area * (side / size) ** 2
        variance = ops.maximum(shrinking - 1, 0) / 6 + ops.square(blur) * shrinking
        crops = blurred(crops, ops.sqrt(variance))
    return _bilinear(crops, warp * side, size)


def _bilinear(crops: Any, warp: Any, size: int) -> Any:
    """`warp` maps shares of the view's side to pixels of the crop."""
    side, channels = crops.shape[1], crops.shape[-1]
    centre = ((np.arange(size) + 0.5) / size).astype(np.float32)
    across, down = centre, centre[:, None]
    warp = warp[..., None, None]
    places = warp[:, :, 0] * across + warp[:, :, 1] * down + warp[:, :, 2] - 0.5
    places = ops.clip(places, 0, side - 1)
    first = ops.clip(ops.floor(places), 0, side - 2)
    right, below = ops.unstack((places - first)[..., None], axis=1)
    left, top = ops.unstack(ops.cast(first, "int32"), axis=1)
    image = ops.arange(ops.shape(crops)[0], dtype="int32")[:, None, None]
    corner = (image * side + top) * side + left
    rows = ops.reshape(crops, (-1, channels))

    def between(offset: int) -> Any:
        here = ops.take(rows, corner + offset, axis=0)
        return here + right * (ops.take(rows, corner + offset + 1, axis=0) - here)

    upper = between(0)
    return upper + below * (between(side) - upper)


def coloured(pixels: Any, colour: Any) -> Any:
    """Every pixel mapped by its image's `colour` (N, 3, 4), an offset last."""
    # A product of matrices, since a compiler would fuse sums over channels with the sampling, and
    # sample three times.
    side = pixels.shape[1]
    flat = ops.reshape(pixels, (-1, side * side, 3))
    mixed = ops.matmul(flat, ops.transpose(colour[..., :3], (0, 2, 1))) + colour[:, None, :, 3]
    return clipped(ops.reshape(mixed, (-1, side, side, 3)))


def sharpened(pixels: Any, amount: Any, sigma: float) -> Any:
    """An unsharp mask: `amount` (N,) times the difference from the image blurred by `sigma`, one
    for all."""
    difference = pixels - both_ways(pixels, softness.gaussian(pixels.shape[1], sigma))
    return clipped(pixels + _each(amount) * difference)


@cache
def _noise() -> NDArray[np.float32]:
    """Standard normal deviates (512 * 512, 3), always the same."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((NOISE_SIDE**2, 3), np.float32)


def noisy(pixels: Any, sigma: Any, at: Any) -> Any:
    """White Gaussian noise of `sigma` (N,) levels; `at` (N, 2) is where in the one field of noise
    (512, 512), which repeats itself, an image's begins."""
    place = np.arange(pixels.shape[1], dtype=np.int32)
    down, across = ops.unstack((at[..., None] + place) % NOISE_SIDE, axis=1)
    noise = ops.take(_noise(), down[:, :, None] * NOISE_SIDE + across[:, None], axis=0)
    return clipped(pixels + _each(sigma) * noise)


class _Coder(NamedTuple):
    """Matrices from a column of pixels to its blocks' cosines, and back."""

    forward: NDArray[np.float32]
    back: NDArray[np.float32]


@cache
def _coder(size: int, halved: bool) -> _Coder:
    """For images of `size` pixels, of which the last is repeated to fill the blocks. `halved`:
    pairs are averaged, and enlarged by a triangle filter, as libjpeg does with colour."""
    whole = -(-size // (2 * _BLOCK)) * 2 * _BLOCK
    filled = np.eye(whole)[:, np.minimum(np.arange(whole), size - 1)][:size].T
    reduced = enlarged = np.eye(whole)
    if halved:
        half = whole // 2
        pairs = np.eye(half).repeat(2, axis=0)
        reduced = pairs.T / 2
        neighbour = np.clip(np.arange(whole) // 2 + np.tile([-1, 1], half), 0, half - 1)
        enlarged = 0.75 * pairs + 0.25 * np.eye(half)[neighbour]
    transform, _ = softness.cosine_transform(_BLOCK)
    blocks = np.kron(np.eye(len(reduced) // _BLOCK), transform)
    forward, back = blocks @ reduced @ filled, enlarged[:size] @ blocks.T
    return _Coder(forward.astype(np.float32), back.astype(np.float32))


def compressed(pixels: Any, strength: Any) -> Any:
    """What a JPEG with colour at half the size loses. `strength` (N,) multiplies the steps of
    libjpeg's quality 50 (2 is quality 25, 1/2 quality 75); images of strength 0 stay."""
    planes = ops.matmul(pixels, _TO_YCC.T) - np.array([128, 0, 0], np.float32)
    luminance = _quantised(planes[..., :1], _LUMINANCE_STEPS, strength, halved=False)
    colour = _quantised(planes[..., 1:], _COLOUR_STEPS, strength, halved=True)
    decoded = ops.matmul(ops.concatenate([luminance + 128, colour], axis=-1), _FROM_YCC.T)
    return ops.where(_each(strength) > 0, clipped(decoded), pixels)


def _quantised(planes: Any, steps: NDArray[np.float32], strength: Any, *, halved: bool) -> Any:
    forward, back = _coder(planes.shape[1], halved)
    blocks = len(forward) // _BLOCK
    table = np.tile(steps, (blocks, blocks))[..., None]
    step = ops.clip(ops.round(table * _each(strength)), 1, 255)
    return both_ways(ops.round(both_ways(planes, forward) / step) * step, back)


def erased(pixels: Any, rectangle: Any) -> Any:
    """Each image with its `rectangle` (N, 5) filled: left, top, width and height in shares of the
    side, rounded to pixels, and the value."""
    size = pixels.shape[1]
    place = np.arange(size, dtype=np.float32)
    left, top, width, height = ops.unstack(ops.round(rectangle[:, :4, None] * size), axis=1)
    across = ops.logical_and(place >= left, place < left + width)
    down = ops.logical_and(place >= top, place < top + height)
    inside = ops.logical_and(down[:, :, None], across[:, None])
    return ops.where(inside[..., None], _each(rectangle[:, 4]), pixels)


def blended(pixels: Any, partner: Any, share: Any) -> Any:
    """Each image keeps `share` (N,) of itself; the rest is the one at `partner` (N,)."""
    others = ops.take(pixels, partner, axis=0)
    return others + _each(share) * (pixels - others)


def _each(values: Any) -> Any:
    """One value an image (N,), to be combined with its pixels."""
    return values[:, None, None, None]
