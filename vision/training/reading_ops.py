"""`vision.crops.reading` in the operations of Keras' backend: crops as a network sees them."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray

from vision.crops.alignment import face_mask
from vision.crops.light import BRIGHTEST
from vision.crops.reading import Reading
from vision.crops.softness import COARSE, FINE, LEAST_POWER, SIGMAS, SLICES, spectrum_plan

from ..types import LUMA
from .view_ops import blurred, clipped

Step = Callable[[Any], Any]
"""From whole levels (N, S, S, 3), float32, to the same."""


def reading_steps(reading: Reading) -> Sequence[Step]:
    """What `reading.read_all` does, in its order; nothing of what stays as it is."""
    steps: list[Step] = []
    if reading.highlights is not None:
        steps.append(partial(brightened, target=reading.highlights))
    if reading.face_highlights is not None:
        steps.append(partial(brightened_face, target=reading.face_highlights))
    if reading.softness is not None:
        steps.append(partial(softened, target=reading.softness))
    return steps


def brightened(levels: Any, target: float) -> Any:
    """Each image with highlights no darker than `target`: `light.brighten`."""
    return _brought(levels, _luminances(levels), target)


def brightened_face(levels: Any, target: float) -> Any:
    """Each image with a face whose highlights are no darker than `target`:
    `light.brighten_face`."""
    face = np.flatnonzero(face_mask(levels.shape[1]))
    return _brought(levels, ops.take(_luminances(levels), face, axis=1), target)


def _luminances(levels: Any) -> Any:
    """Of every pixel, (N, S S)."""
    luminance = ops.matmul(levels, LUMA.astype(np.float32))
    return ops.reshape(luminance, (-1, luminance.shape[1] ** 2))


def _brought(levels: Any, luminances: Any, target: float) -> Any:
    found = ops.quantile(luminances, BRIGHTEST, axis=1)
    gain = ops.maximum(target / ops.maximum(found, 1.0), 1.0)
    return clipped(ops.round(levels * ops.reshape(gain, (-1, 1, 1, 1))))


def softened(levels: Any, target: float) -> Any:
    """Each image with no more fine detail than `target`: `softness.soften`."""
    return clipped(ops.round(blurred(levels, _sigma(_curve(levels), target))))


def _sigma(curve: Any, target: float) -> Any:
    """The σ (N,) at which a falling curve (N, sigmas) of softness comes down to `target`: 0 where
    it begins below, the last where it ends above."""
    over = ops.sum(ops.cast(curve > target, "int32"), axis=1, keepdims=True)
    after = ops.clip(over, 1, len(SIGMAS) - 1)
    high = ops.take_along_axis(curve, after - 1, axis=1)
    low = ops.take_along_axis(curve, after, axis=1)
    share = ops.clip((high - target) / ops.maximum(high - low, LEAST_POWER), 0, 1)
    place = ops.cast(after - 1, "float32") + share
    return ops.squeeze(place, axis=1) * np.float32(SIGMAS[1])


def _curve(levels: Any) -> Any:
    """The softness (N, sigmas) of each image after each of the Gaussians `SIGMAS`."""
    transform = _transform(levels.shape[1])
    luminance = ops.matmul(levels, LUMA.astype(np.float32))
    centred = luminance - ops.mean(luminance, axis=(1, 2), keepdims=True)
    # e^-i(a + b) = (cos a - i sin a) (cos b - i sin b): the four products of a real transform.
    both = ops.matmul(transform.down, ops.matmul(centred * transform.window, transform.across))
    (cc, cs), (sc, ss) = (ops.split(half, 2, axis=2) for half in ops.split(both, 2, axis=1))
    power = ops.square(cc - ss) + ops.square(cs + sc)
    slices = ops.matmul(ops.reshape(power, (-1, transform.slices.shape[0])), transform.slices)
    weakened = slices[:, :, None] * transform.left
    rings = ops.sum(ops.reshape(weakened, (-1, len(FINE + COARSE), SLICES, len(SIGMAS))), axis=2)
    levels = ops.log10(rings + LEAST_POWER)
    return ops.mean(levels[:, : len(FINE)], axis=1) - ops.mean(levels[:, len(FINE) :], axis=1)


class _Transform(NamedTuple):
    """A real Fourier transform of images (S, S), as products: `window` (S, S), `down` (2 S, S)
    and `across` (S, 2 K) with the cosines first and the sines after them, `slices` (S K, slices)
    from powers to those of the rings' slices, `left` (slices, sigmas)."""

    window: NDArray[np.float32]
    down: NDArray[np.float32]
    across: NDArray[np.float32]
    slices: NDArray[np.float32]
    left: NDArray[np.float32]


@cache
def _transform(side: int) -> _Transform:
    plan = spectrum_plan(side)
    angles = 2 * np.pi * np.fft.fftfreq(side)[:, None] * np.arange(side)
    down = np.concatenate([np.cos(angles), np.sin(angles)])
    half = angles[: side // 2 + 1].T  # the sign of the last frequency matters to no power
    across = np.concatenate([np.cos(half), np.sin(half)], axis=1)
    slices = np.zeros((len(plan.slice_of), plan.slices))
    inside = np.flatnonzero(plan.slice_of)
    slices[inside, plan.slice_of[inside] - 1] = plan.weight[inside]
    parts = (plan.window, down, across, slices, plan.left)
    return _Transform(*(part.astype(np.float32) for part in parts))
