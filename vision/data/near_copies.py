"""Which images show one picture: saved again, shifted, scaled or mirrored.

Perceptual hashes name the pairs that may, and small grey thumbnails confirm them. Faces that are
aligned alike correlate well whoever they belong to; what tells copies from strangers is fine
detail, so that has to correlate as well.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Hashes = NDArray[np.uint64]
Thumbnails = NDArray[np.uint8]
"""Grey, (N, THUMBNAIL, THUMBNAIL)."""
Pairs = NDArray[np.int64]
"""Two indices each, (N, 2)."""

THUMBNAIL = 48  # pixels; a quarter of a UTKFace crop's
# 64-bit perceptual hashes further apart than this belong to different pictures; so do those of
# which one is shifted, of which there are more to choose from.
_BITS, _SHIFTED_BITS = 12, 8
_HASH_SHIFT = 0.025  # of the side, along both diagonals
_HASH_SIDE, _HASH_TERMS = 32, 8
_ENOUGH_TO_LOOK = (200, 200)  # larger JPEGs are decoded at a fraction of their size

_BLOCK = 32  # hashes compared with all others at a time
_BATCH = 64  # pairs of thumbnails compared at a time

_Planes = NDArray[np.float32]


class Look(NamedTuple):
    """How an image looks. `hashes`: (2, 5), as it is and mirrored, each in place and shifted along
    the diagonals. `thumbnail`: uint8 (THUMBNAIL, THUMBNAIL), grey."""

    hashes: Hashes
    thumbnail: NDArray[np.uint8]


class _Level(NamedTuple):
    """How closely thumbnails are compared: a view of them, laid over each other at whole shifts
    up to `shift` pixels and `steps` in between, at `scales`; copies correlate with `least`."""

    view: Callable[[Thumbnails], _Planes]
    shift: int
    steps: tuple[float, ...]
    scales: tuple[float, ...]
    least: float


def look_at(data: bytes) -> Look:
    """How an image looks, for copies of it to be found. Raises OSError where it is broken."""
    try:
        with Pillow.open(io.BytesIO(data)) as image:
            image.draft("L", _ENOUGH_TO_LOOK)
            grey = image.convert("L")
    except (ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise OSError("The image is damaged.") from error
    small = _shifted(grey)
    thumbnail = grey.resize((THUMBNAIL, THUMBNAIL), Pillow.Resampling.BILINEAR)
    hashes = np.stack([_perceptual_hashes(small), _perceptual_hashes(small[..., ::-1])])
    return Look(hashes, np.asarray(thumbnail))


def _shifted(grey: Pillow.Image) -> _Planes:
    """A grey image in place and shifted along the diagonals, small: (5, 32, 32). What comes in
    from outside is its border repeated."""
    width, height = grey.size
    across, down = (max(1, round(_HASH_SHIFT * side)) for side in grey.size)
    padded = Pillow.fromarray(
        np.pad(np.asarray(grey), ((down, down), (across, across)), mode="edge")
    )
    corners = [(across, down), *((x, y) for x in (0, 2 * across) for y in (0, 2 * down))]
    parts = [padded.crop((x, y, x + width, y + height)) for x, y in corners]
    size = (_HASH_SIDE, _HASH_SIDE)
    small = [np.asarray(part.resize(size, Pillow.Resampling.LANCZOS)) for part in parts]
    return np.stack(small).astype(np.float32)


def _perceptual_hashes(small: _Planes) -> Hashes:
    """The pHash of small grey images (N, 32, 32): which of the 8 × 8 lowest terms of their cosine
    transform are above the median (Zauner 2010, as `imagehash.phash` has it): uint64 (N,)."""
    at = np.arange(_HASH_SIDE) + 0.5
    cosines = np.cos(np.pi / _HASH_SIDE * np.arange(_HASH_TERMS)[:, None] * at)
    terms = (cosines @ small @ cosines.T).reshape(len(small), -1)
    bits = terms > np.median(terms, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def within(hashes: Hashes, others: Hashes, bits: int) -> Pairs:
    """All pairs (index of `hashes`, index of `others`) that are at most `bits` bits apart."""
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(hashes), _BLOCK):
        apart = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ others[None])
        found.append(np.argwhere(apart <= bits) + np.array([start, 0]))
    return np.concatenate(found)


def candidates(hashes: Hashes, others: Hashes) -> Pairs:
    """All pairs (index of `hashes`, index of `others`) of images that may be copies.

    `hashes`: (N, 5), a row of `Look.hashes` each. `others`: (M,), those of images in place.
    """
    in_place = within(hashes[:, 0], others, _BITS)
    shifted = [within(column, others, _SHIFTED_BITS) for column in hashes[:, 1:].T]
    return np.unique(np.concatenate([in_place, *shifted]), axis=0)


def are_copies(first: Thumbnails, second: Thumbnails, pairs: Pairs) -> NDArray[np.bool_]:
    """Whether each pair (index of `first`, index of `second`) shows one picture: bool (N,).

    The inner part of the first, at scales of 0.95 to 1.05, is laid over the second at shifts of up
    to a sixteenth of the side. For mirrored copies, give the first ones mirrored.
    """
    left = np.arange(len(pairs))
    for level in _LEVELS:
        # Only what is looked at is turned into floats: four times the bytes.
        images = [np.unique(indices, return_inverse=True) for indices in pairs[left].T]
        (ones, one), (others, other) = images
        planes = level.view(first[ones]), level.view(second[others])
        correlations = _correlations(planes, np.stack([one, other], axis=1), level)
        left = left[correlations >= level.least]
    return np.isin(np.arange(len(pairs)), left)


def mirrored(thumbnails: Thumbnails) -> Thumbnails:
    return thumbnails[..., ::-1]


def _correlations(
    planes: tuple[_Planes, _Planes], pairs: Pairs, level: _Level
) -> NDArray[np.float32]:
    """The highest normalised cross-correlation of each pair over all scales and shifts (N,)."""
    first, second = planes
    inner = first.shape[1] - 2 * level.shift
    samplings = _samplings(first.shape[1], inner, level)
    found = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BATCH):
        some = pairs[start : start + _BATCH]
        ones = first[some[:, 0]]
        templates: _Planes = np.stack(
            [down @ ones @ across.T for down, across in samplings], axis=1
        )
        windows = np.lib.stride_tricks.sliding_window_view(
            second[some[:, 1]], (inner, inner), axis=(1, 2)
        )
        products = _unit(templates, inner) @ _unit(windows, inner).transpose(0, 2, 1)
        found[start : start + _BATCH] = products.max(axis=(1, 2))
    return found


def _unit(parts: _Planes, inner: int) -> _Planes:
    """Parts (N, …, inner, inner) as vectors (N, K, inner²) of mean 0 and length 1."""
    vectors = parts.reshape(len(parts), -1, inner * inner)
    centred: _Planes = np.subtract(vectors, vectors.mean(axis=-1, keepdims=True))
    lengths: _Planes = np.sqrt(np.einsum("nki,nki->nk", centred, centred))[..., None]
    # A part without any contrast is like nothing.
    unit: _Planes = np.divide(centred, np.maximum(lengths, 1e-3), out=centred)
    return unit


def _samplings(side: int, inner: int, level: _Level) -> list[tuple[_Planes, _Planes]]:
    """What takes the middle of a plane down and across, bilinear, at all scales and steps."""
    return [
        (_sampling(side, inner, scale, down), _sampling(side, inner, scale, across))
        for scale in level.scales
        for down in level.steps
        for across in level.steps
    ]


def _sampling(side: int, inner: int, scale: float, step: float) -> _Planes:
    """What makes `inner` samples, `scale` pixels apart, around the middle of `side` ones."""
    at = (side - 1) / 2 + step + (np.arange(inner) - (inner - 1) / 2) * scale
    weights = 1 - np.abs(at[:, None] - np.arange(side))
    sampling: _Planes = weights.clip(min=0).astype(np.float32)
    return sampling


def _luma(thumbnails: Thumbnails) -> _Planes:
    return thumbnails.astype(np.float32)


def _shrunk(thumbnails: Thumbnails) -> _Planes:
    """Luma at a third of the size."""
    side = THUMBNAIL // 3
    shrunk: _Planes = thumbnails.reshape(-1, side, 3, side, 3).mean(axis=(2, 4), dtype=np.float32)
    return shrunk


def _detail(thumbnails: Thumbnails) -> _Planes:
    """Luma less what a Gaussian of 2 pixels leaves of it."""
    at = np.arange(THUMBNAIL)
    weights = np.exp(-0.5 * ((at[:, None] - at) / 2) ** 2).astype(np.float32)
    blur = weights / weights.sum(axis=1, keepdims=True)
    luma = _luma(thumbnails)
    detail: _Planes = luma - blur @ luma @ blur.T
    return detail


_SCALES = (0.95, 0.975, 1.0, 1.025, 1.05)
_HALVES = (0.0, 0.5)
# From coarse to fine, and dear: nearly all candidates fall out at a third of the size already.
_LEVELS = (
    _Level(_shrunk, 1, _HALVES, (1.0,), 0.88),
    _Level(_luma, 3, (0.0,), _SCALES, 0.9),
    _Level(_detail, 3, (0.0,), _SCALES, 0.72),
    _Level(_detail, 3, _HALVES, _SCALES, 0.815),
)
