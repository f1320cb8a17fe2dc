"""Which images show one picture: saved again, shifted, scaled or mirrored.

Perceptual hashes name the pairs that may, and small grey thumbnails confirm them. Faces that are
aligned alike correlate well whoever they belong to; what tells copies from strangers is fine
detail, so that has to correlate as well.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Thumbnails = NDArray[np.uint8]
"""Grey, (N, THUMBNAIL, THUMBNAIL)."""
Pairs = NDArray[np.int64]
"""Two indices each, (N, 2)."""

THUMBNAIL = 48  # pixels; a quarter of a UTKFace crop's
# 64-bit perceptual hashes (DCT) further apart than this belong to different pictures.
CANDIDATE_BITS = 12
# The least normalised cross-correlation of copies: of luma, and of luma less its blur.
_LEAST_LUMA = 0.9
_LEAST_DETAIL = 0.81
_BLUR = 2.0  # pixels, the standard deviation of a Gaussian

_SHIFT, _SCALES = 3, (0.95, 0.975, 1.0, 1.025, 1.05)
# Most candidates are told apart at a third of the size already.
_COARSE, _COARSE_SHIFT, _COARSE_SCALES = 3, 1, (0.95, 1.0, 1.05)
_BLOCK = 512  # hashes compared with all others at a time
_BATCH = 160  # pairs compared at a time

_Planes = NDArray[np.float32]


class Looks(NamedTuple):
    """64-bit DCT hashes (pHash) of an image as it is and mirrored, as unsigned integers."""

    plain: int
    mirrored: int


def thumbnail(grey: Pillow.Image) -> NDArray[np.uint8]:
    """A whole grey image at (THUMBNAIL, THUMBNAIL)."""
    return np.asarray(grey.resize((THUMBNAIL, THUMBNAIL), Pillow.Resampling.BILINEAR))


def candidates(
    hashes: NDArray[np.uint64], others: NDArray[np.uint64], bits: int = CANDIDATE_BITS
) -> Pairs:
    """All pairs (index of `hashes`, index of `others`) that are at most `bits` bits apart."""
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(hashes), _BLOCK):
        apart = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ others[None])
        found.append(np.argwhere(apart <= bits) + np.array([start, 0]))
    return np.concatenate(found)


def are_copies(first: Thumbnails, second: Thumbnails, pairs: Pairs) -> NDArray[np.bool_]:
    """Whether each pair (index of `first`, index of `second`) shows one picture: bool (N,).

    The inner part of the first, at scales of 0.95 to 1.05, is laid over the second at shifts of up
    to a sixteenth of the side. For mirrored copies, give the first ones mirrored.
    """
    left = np.arange(len(pairs))
    for view, shift, scales, least in (
        (_shrunk, _COARSE_SHIFT, _COARSE_SCALES, _LEAST_LUMA),
        (_luma, _SHIFT, _SCALES, _LEAST_LUMA),
        (_detail, _SHIFT, _SCALES, _LEAST_DETAIL),
    ):
        # Only what is looked at is turned into floats: four to twelve times the bytes.
        images = [np.unique(indices, return_inverse=True) for indices in pairs[left].T]
        planes = [
            view(all_of[used]) for all_of, (used, _) in zip((first, second), images, strict=True)
        ]
        rows = np.stack([inverse for _, inverse in images], axis=1)
        left = left[_correlations((planes[0], planes[1]), rows, shift, scales) >= least]
    return np.isin(np.arange(len(pairs)), left)


def mirrored(thumbnails: Thumbnails) -> Thumbnails:
    return thumbnails[..., ::-1]


def _correlations(
    planes: tuple[_Planes, _Planes], pairs: Pairs, shift: int, scales: Sequence[float]
) -> NDArray[np.float32]:
    """The highest normalised cross-correlation of each pair over all scales and shifts (N,)."""
    first, second = planes
    inner = first.shape[1] - 2 * shift
    found = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BATCH):
        batch = slice(start, start + _BATCH)
        templates = _scaled(first[pairs[batch, 0]], inner, scales)
        windows = np.lib.stride_tricks.sliding_window_view(
            second[pairs[batch, 1]], (inner, inner), axis=(1, 2)
        )
        products = _unit(templates, inner) @ _unit(windows, inner).transpose(0, 2, 1)
        found[batch] = products.max(axis=(1, 2))
    return found


def _unit(parts: _Planes, inner: int) -> _Planes:
    """Parts (N, …, inner, inner) as vectors (N, K, inner²) of mean 0 and length 1."""
    vectors = parts.reshape(len(parts), -1, inner * inner)
    centred: _Planes = np.subtract(vectors, vectors.mean(axis=-1, keepdims=True))
    lengths: _Planes = np.sqrt(np.einsum("nki,nki->nk", centred, centred))[..., None]
    # A part without any contrast is like nothing.
    unit: _Planes = np.divide(centred, np.maximum(lengths, 1e-3), out=centred)
    return unit


def _scaled(planes: _Planes, inner: int, scales: Sequence[float]) -> _Planes:
    """The middle of planes (N, side, side) at every scale, bilinear: (N, scales, inner, inner)."""
    matrices = [_sampling(planes.shape[1], inner, scale) for scale in scales]
    return np.stack([matrix @ planes @ matrix.T for matrix in matrices], axis=1)


def _sampling(side: int, inner: int, scale: float) -> _Planes:
    """What makes `inner` samples, `scale` pixels apart, of the middle of `side` ones."""
    at = (side - 1) / 2 + (np.arange(inner) - (inner - 1) / 2) * scale
    weights = 1 - np.abs(at[:, None] - np.arange(side))
    sampling: _Planes = weights.clip(min=0).astype(np.float32)
    return sampling


def _luma(thumbnails: Thumbnails) -> _Planes:
    return thumbnails.astype(np.float32)


def _shrunk(thumbnails: Thumbnails) -> _Planes:
    side = THUMBNAIL // _COARSE
    blocks = thumbnails.reshape(-1, side, _COARSE, side, _COARSE)
    shrunk: _Planes = blocks.mean(axis=(2, 4), dtype=np.float32)
    return shrunk


def _detail(thumbnails: Thumbnails) -> _Planes:
    """What a Gaussian blur takes out of luma."""
    at = np.arange(THUMBNAIL)
    weights = np.exp(-0.5 * ((at[:, None] - at) / _BLUR) ** 2).astype(np.float32)
    blur = weights / weights.sum(axis=1, keepdims=True)
    luma = _luma(thumbnails)
    detail: _Planes = luma - blur @ luma @ blur.T
    return detail
