"""What an editor or a camera may do to a photo, and how much a model minds."""

import io
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from vision.data.labelled_files import LabelledFile
from vision.types import Image

from .evaluate import Predictor
from .robustness import Change, OnProgress, figure_names, figures_by_change, pixels, unchanged
from .scores import Figures

SAMPLE = 500  # crops; each is read once as it is and once for every edit

# An ellipse about a head, in shares of its crop's side, and the radii between which it fades.
_HEAD, _HEAD_WHOLE, _HEAD_ENDS = (0.36, 0.46), 0.9, 1.25
_SIDE = 200  # of UTKFace's crops: lengths below are in pixels of such a crop, and grow with it


def blurred(crop: Image, sigma: float) -> Image:
    """Gaussian blur; Pillow approximates it by three box filters."""
    return _filtered(crop, ImageFilter.GaussianBlur(sigma * _scale(crop)))


def sharpened(crop: Image, sigma: float, amount: float) -> Image:
    """An unsharp mask: `amount` times the difference from the crop blurred by `sigma` is added,
    whatever its size (no threshold)."""
    return _filtered(crop, ImageFilter.UnsharpMask(sigma * _scale(crop), round(100 * amount), 0))


def noisy(crop: Image, sigma: float) -> Image:
    """White Gaussian noise of `sigma` levels (of 0-255) on every channel of every pixel.

    The crop's content seeds it: unlike for every crop, and always the same.
    """
    noise = np.random.default_rng(zlib.crc32(crop.tobytes())).normal(0, sigma, crop.shape)
    return (crop + noise).round().clip(0, 255).astype(np.uint8)


def compressed(crop: Image, quality: int) -> Image:
    """As a JPEG of Pillow's `quality` (libjpeg's scale, colour at half the size)."""
    data = io.BytesIO()
    Pillow.fromarray(crop).save(data, "JPEG", quality=quality, subsampling="4:2:0")
    with Pillow.open(data) as image:
        return np.asarray(image)


def reduced(crop: Image, side: float) -> Image:
    """Reduced to `side` with antialiasing (bilinear), and enlarged again (bicubic)."""
    image = Pillow.fromarray(crop)
    ratio = side / _SIDE
    small = (max(1, round(ratio * image.width)), max(1, round(ratio * image.height)))
    there = image.resize(small, Pillow.Resampling.BILINEAR)
    return np.asarray(there.resize(image.size, Pillow.Resampling.BICUBIC))


def darkened(crop: Image, share: float) -> Image:
    """Every value times `share`."""
    return (crop * share).round().astype(np.uint8)


def backlit(crop: Image, share: float) -> Image:
    """An aligned crop (S, S, 3) with every value of the head times `share`, in an ellipse with a
    soft edge, and all around it as it was."""
    across = (np.arange(len(crop)) + 0.5) / len(crop) - 0.5
    radius = np.hypot(across / _HEAD[0], across[:, None] / _HEAD[1])
    inside = ((_HEAD_ENDS - radius) / (_HEAD_ENDS - _HEAD_WHOLE)).clip(0, 1)
    inside = inside**2 * (3 - 2 * inside)
    light: NDArray[np.float64] = 1 - inside * (1 - share)
    shown: Image = (crop * light[..., None]).round().astype(np.uint8)
    return shown


EDITS: dict[str, Change] = {
    "blur_1": partial(blurred, sigma=1),
    "blur_2": partial(blurred, sigma=2),
    "sharpened": partial(sharpened, sigma=2, amount=0.8),
    "noise_8": partial(noisy, sigma=8),
    "jpeg_30": partial(compressed, quality=30),
    "reduced_64": partial(reduced, side=64),
    "darkened_4": partial(darkened, share=0.25),
}


def edit_figures(
    engine: Predictor, files: Sequence[LabelledFile], on_progress: OnProgress
) -> dict[str, Any]:
    """What every edit in `EDITS` does to the figures of labelled crops. Plain JSON.

    `n` crops; `as_they_are` their figures by `figure_names`; `changes` by edit how far each of
    these moves (edited minus as it is): in years, or shares of 0..1, None where no head speaks to
    it. The labels stay as they are, so the change of `age_bias` is the shift of the mean age. Files
    without labels or pixels are left out.
    """
    files = [file for file in files if file.labels and pixels(file) is not None]
    changes: dict[str, list[Change]] = {"as_they_are": [unchanged]}
    changes |= {name: [edit] for name, edit in EDITS.items()}
    found = figures_by_change(engine, files, changes, on_progress)
    plain = found.pop("as_they_are")
    moved = {name: _differences(edited, plain) for name, edited in found.items()}
    return {"n": len(files), "as_they_are": plain, "changes": moved}


def _differences(edited: Figures, plain: Figures) -> Figures:
    def difference(key: str) -> float | None:
        after, before = edited[key], plain[key]
        return None if after is None or before is None else round(after - before, 4)

    return {key: difference(key) for key in figure_names()}


def _filtered(crop: Image, kernel: ImageFilter.Filter) -> Image:
    return np.asarray(Pillow.fromarray(crop).filter(kernel))


def _scale(crop: Image) -> float:
    return float(max(crop.shape[:2]) / _SIDE)
