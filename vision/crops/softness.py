"""How soft a face crop is, and the weakest blur that makes a sharp one as soft as others. NumPy.

A network reads texture as age, and how much texture a crop shows depends on the camera, the
enlargement and the editor as much as on the skin. docs/experiments/softness.md has the figures.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vision.types import LUMA, Image

# Inner edges of rings around the origin of the spectrum, in cycles a pixel: of the fine detail
# that is weighed, and of the coarse one that it is weighed against.
_RING = 0.04
FINE, COARSE = (0.26, 0.30, 0.34, 0.38, 0.42), (0.02, 0.06, 0.10)
SLICES = 5  # of a ring, since a Gaussian weakens its outer edge more than its inner one
SIGMAS: NDArray[np.float64] = np.linspace(0, 2, 65)  # of the Gaussians tried, in pixels
LEAST_POWER = 1e-6  # the logarithm of none at all would be infinite


def softness(crop: Image) -> float:
    """How much fine detail a crop (S, S, 3) has: the higher, the sharper.

    Of the spectrum of its luminance (less the mean, times a Hann window) the mean over rings
    between 0.26 and 0.46 cycles a pixel of the decimal logarithm of their mean power, less the
    same between 0.02 and 0.14.
    """
    return float(_curve(crop)[0])


def soften(crop: Image, target: float) -> Image:
    """A crop (S, S, 3) with no more fine detail than `target`, on the scale of `softness`.

    One that has more gets the weakest Gaussian that brings it there, of two pixels at most; any
    other is given back itself.
    """
    curve = _curve(crop)
    if curve[0] <= target:
        return crop
    # It falls all the way; `interp` wants it to rise.
    return blur(crop, float(np.interp(target, curve[::-1], SIGMAS[::-1])))


def blur(crop: Image, sigma: float) -> Image:
    """A crop (S, S, 3) times a Gaussian of `sigma` pixels, its border mirrored."""
    along = gaussian(len(crop), sigma)
    planes = np.moveaxis(crop, -1, 0).astype(np.float32, order="C")
    blurred = along @ planes @ along  # the matrix is symmetric
    return np.moveaxis(blurred, 0, -1).round().clip(0, 255).astype(np.uint8, order="C")


def gaussian(side: int, sigma: float) -> NDArray[np.float32]:
    """The matrix (side, side), symmetric, that blurs columns by a Gaussian of `sigma` pixels.

    The cosines of the DCT are what a mirrored border leaves of the frequencies, so weakening
    each by exp(-2π²σ²f²) is the Gaussian itself, not a sampled one, however narrow it is.
    """
    cosines, frequencies = cosine_transform(side)
    weaker = np.exp(-2 * (np.pi * sigma * frequencies) ** 2).astype(np.float32)
    blurring: NDArray[np.float32] = np.matmul(cosines.T * weaker, cosines, dtype=np.float32)
    return blurring


def _curve(crop: Image) -> NDArray[np.float64]:
    """The softness of a crop after each of the Gaussians `SIGMAS`.

    A Gaussian of σ multiplies the power at the frequency f by exp(-4π²σ²f²).
    """
    plan = spectrum_plan(len(crop))
    luminance = crop @ LUMA
    spectrum = np.fft.rfft2((luminance - luminance.mean()) * plan.window)
    power = (spectrum.real**2 + spectrum.imag**2).ravel()
    slices = np.bincount(plan.slice_of, power * plan.weight, minlength=plan.slices + 1)[1:]
    rings = (slices[:, None] * plan.left).reshape(-1, SLICES, len(SIGMAS)).sum(axis=1)
    levels = np.log10(rings + LEAST_POWER)
    fine, coarse = levels[: len(FINE)], levels[len(FINE) :]
    curve: NDArray[np.float64] = fine.mean(axis=0) - coarse.mean(axis=0)
    return curve


class Plan(NamedTuple):
    """What the spectra of crops of one size have in common.

    `slice_of` tells of every bin which slice it lies in (0: in none), `weight` what share of its
    ring it is; `left` (slices, sigmas) what a Gaussian leaves of a slice's power. The slices are
    those of the rings `FINE`, then `COARSE`, `SLICES` of each.
    """

    window: NDArray[np.float64]
    slice_of: NDArray[np.int64]
    weight: NDArray[np.float64]
    slices: int
    left: NDArray[np.float64]


@cache
def spectrum_plan(side: int) -> Plan:
    """That of crops (side, side): of the half of the spectrum that `numpy.fft.rfft2` gives."""
    across, down = np.fft.rfftfreq(side), np.fft.fftfreq(side)
    radius = np.hypot(down[:, None], across).ravel()
    # The half of the spectrum that is left out mirrors all columns but the first and the last.
    twice = np.tile(np.where((across > 0) & (across < 0.5), 2.0, 1.0), side)
    width = _RING / SLICES
    edges = np.add.outer([*FINE, *COARSE], width * np.arange(SLICES)).ravel()
    slice_of, ring_of = np.zeros(len(radius), np.int64), np.zeros(len(radius), np.int64)
    for number, edge in enumerate(edges):
        inside = (radius >= edge) & (radius < edge + width)
        slice_of[inside], ring_of[inside] = number + 1, number // SLICES + 1
    bins = np.bincount(ring_of, twice)
    left = np.exp(-4 * np.outer((np.pi * (edges + width / 2)) ** 2, SIGMAS**2))
    window = np.hanning(side)
    return Plan(np.outer(window, window), slice_of, twice / bins[ring_of], len(edges), left)


@cache
def cosine_transform(side: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The orthonormal DCT-II (side, side), and the frequency of each row in cycles a pixel."""
    frequencies = np.arange(side) / (2 * side)
    waves = np.cos(2 * np.pi * np.outer(frequencies, np.arange(side) + 0.5))
    waves *= np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32), frequencies
