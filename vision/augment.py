"""Views of a face that a training has not seen yet. Pillow and NumPy, on several threads.

What a view is like is drawn by a generator that the caller seeds; the same generator gives the
same views, however many threads compute them.
"""

from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from .pretrain_recipe import Augmentation
from .reading import AS_THEY_ARE, Reading
from .types import LUMA, Image

_MIDDLE = 128.0  # the value that contrast leaves alone
_REDUCED_FROM = 1.3  # source pixels an output pixel from which on a view is sampled twice as fine


class Erased(NamedTuple):
    """A rectangle in shares of the side, and the value it is filled with."""

    left: float
    top: float
    width: float
    height: float
    value: int


@dataclass(frozen=True)
class View:
    """`warp` (2, 3) maps the view's points to the crop's, both in shares of the side; `colour`
    (3, 4) its pixels to what they become."""

    warp: NDArray[np.float64]
    colour: NDArray[np.float64]
    erased: Erased | None


def draw_view(rng: np.random.Generator, strength: Augmentation) -> View:
    """One view at random."""
    erased = rng.random() < strength.erase
    return View(_warp(rng, strength), _colour(rng, strength), _erased(rng) if erased else None)


def _warp(rng: np.random.Generator, strength: Augmentation) -> NDArray[np.float64]:
    side = np.exp(rng.uniform(np.log(strength.smallest), np.log(strength.largest)))
    stretch = np.exp(rng.uniform(-1, 1) * np.log1p(strength.stretch) / 2)
    angle = np.deg2rad(rng.uniform(-1, 1) * strength.rotation)
    centre = 0.5 + rng.uniform(-1, 1, 2) * strength.shift
    mirror = -1 if strength.mirror and rng.random() < 0.5 else 1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([side * stretch * mirror, side / stretch])
    return np.column_stack([linear, centre - linear @ [0.5, 0.5]])


def _colour(rng: np.random.Generator, strength: Augmentation) -> NDArray[np.float64]:
    brightness, contrast, saturation = 1 + rng.uniform(-1, 1, 3) * [
        strength.brightness,
        strength.contrast,
        strength.saturation,
    ]
    if rng.random() < strength.grey:
        saturation = 0.0
    mixing = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    offset = np.full(3, brightness * _MIDDLE * (1 - contrast))
    return np.column_stack([brightness * contrast * mixing, offset])


def _erased(rng: np.random.Generator) -> Erased:
    """A rectangle of 2 to 15 % of the view (Zhong et al., "Random erasing data augmentation",
    AAAI 2020)."""
    area, shape = rng.uniform(0.02, 0.15), np.exp(rng.uniform(-0.7, 0.7))
    width, height = np.sqrt(area * shape), np.sqrt(area / shape)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return Erased(left, top, width, height, int(rng.integers(256)))


def render(crop: Image, view: View, size: int, reading: Reading = AS_THEY_ARE) -> Image:
    """A view of a crop (S, S, 3) as (size, size, 3); around the crop its border is repeated.

    It is read before a part of it is erased: the edges of that are no detail of a face.
    """
    side = len(crop)
    window = float(np.hypot(*view.warp[:, 0])) * side
    fineness = 2 if window > _REDUCED_FROM * size else 1
    padded, offset = _padded(crop, view.warp)
    # Pillow maps the centre of an output pixel to a point of the input plane.
    affine = view.warp * side
    affine[:, :2] /= size * fineness
    affine[:, 2] += offset
    picture = Pillow.fromarray(padded).transform(
        (size * fineness, size * fineness),
        Pillow.Transform.AFFINE,
        tuple(affine.ravel()),
        Pillow.Resampling.BILINEAR,
    )
    if fineness > 1:
        picture = picture.reduce(fineness)
    pixels = reading.read(np.array(picture.convert("RGB", tuple(view.colour.ravel()))))
    if view.erased:
        left, top, width, height = (round(share * size) for share in view.erased[:4])
        pixels[top : top + height, left : left + width] = view.erased.value
    return pixels


def _padded(crop: Image, warp: NDArray[np.float64]) -> tuple[Image, int]:
    """The crop with as much of its border repeated on every side as a view reaches over it."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ warp.T
    over = max(0.0, float(-corners.min()), float(corners.max() - 1))
    side = len(crop)
    border = int(np.ceil(over * side)) + 1
    index = np.clip(np.arange(-border, side + border), 0, side - 1)
    return crop[index[:, None], index], border


def start_views(
    crops: NDArray[np.uint8],
    rng: np.random.Generator,
    strength: Augmentation,
    size: int,
    pool: Executor,
    *,
    reading: Reading = AS_THEY_ARE,
) -> "Future[NDArray[np.uint8]]":
    """A view of every crop (N, S, S, 3), to be (N, size, size, 3), rendered by a pool meanwhile."""
    views = [draw_view(rng, strength) for _ in crops]

    def all_of_them() -> NDArray[np.uint8]:
        return np.stack([render(*one, size, reading) for one in zip(crops, views, strict=True)])

    return pool.submit(all_of_them)


def whole(crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crops (N, S, S, 3) as they are, resized to (N, size, size, 3) as for an estimate."""
    resample = Pillow.Resampling.BILINEAR
    return np.stack(
        [np.asarray(Pillow.fromarray(crop).resize((size, size), resample)) for crop in crops]
    )
