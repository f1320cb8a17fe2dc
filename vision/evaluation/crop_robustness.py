"""How much a model minds that a face is framed otherwise than those it has learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.crops.alignment import align_face
from vision.data.crop_files import read_crop
from vision.data.labelled_files import LabelledFile
from vision.detection import Detector
from vision.types import Image

from .evaluate import Predictor
from .robustness import Change, OnProgress, figure_names, pixels, unchanged
from .scores import collect, figures

WIDENING, SHIFT = 0.15, 0.08  # shares of a crop's side

_PHOTO = (480, 640)  # height and width of the pictures that crops are pasted into
_SCALES, _ROLL = (0.5, 1.5), 20.0  # of a crop's size; degrees either way
_GREY = 110


@dataclass(frozen=True)
class CropChange:
    """A window on a crop: its side, and how far right and down its centre lies, in shares of the
    crop's side."""

    side: float = 1.0
    right: float = 0.0
    down: float = 0.0


def reframe(crop: Image, framing: CropChange) -> Image:
    """What a window shows of a crop (H, W, 3); around the crop its border is repeated, as
    `alignment.align_face` does around a photo."""

    def index(length: int, shift: float) -> NDArray[np.intp]:
        side = round(framing.side * length)
        first = round(length / 2 + shift * length - side / 2)
        return np.arange(first, first + side, dtype=np.intp).clip(0, length - 1)

    height, width = crop.shape[:2]
    return crop[index(height, framing.down)[:, None], index(width, framing.right)]


def _window(side: float = 1.0, right: float = 0.0, down: float = 0.0) -> Change:
    return partial(reframe, framing=CropChange(side, right, down))


# For `robustness.figures_by_change`.
CROP_CHANGES: dict[str, tuple[Change, ...]] = {
    "plain": (unchanged,),
    "widened": (_window(side=1 + WIDENING),),
    "narrowed": (_window(side=1 - WIDENING),),
    "shifted": (
        _window(right=SHIFT), _window(right=-SHIFT), _window(down=SHIFT), _window(down=-SHIFT)
    ),
}  # fmt: skip


def photo_figures(
    engine: Predictor,
    detector: Detector,
    files: Sequence[LabelledFile],
    on_progress: OnProgress,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of crops that were pasted into larger pictures, found and aligned again.

    Each is scaled by 0.5 to 1.5, rolled by up to 20 degrees and pasted into 640 × 480 pixels.
    `crops` and `photos` are the figures, by `figure_names`, of the `found` of `n`: as they are,
    and by the whole way. Files without labels or pixels are left out.
    """
    rng = np.random.default_rng(seed)
    labels, plain, aligned, tried = [], [], [], 0
    for file in files:
        crop = pixels(file)
        if crop is None or file.labels is None:
            continue
        photo = paste(crop, rng)
        faces = detector.detect([photo])[0]
        tried += 1
        on_progress("photos", 1)
        if faces:
            labels.append(file.labels)
            plain.append(read_crop(file.data, engine.input_size))
            aligned.append(align_face(photo, faces[0], engine.input_size))
    report: dict[str, Any] = {"n": tried, "found": len(labels)}
    for name, crops in (("crops", plain), ("photos", aligned)):
        known = figures(collect(labels, engine.predict(np.stack(crops)))) if crops else {}
        report[name] = {key: known.get(key) for key in figure_names()}
    return report


def paste(crop: Image, rng: np.random.Generator) -> Image:
    """A grey picture (480, 640, 3) with a crop somewhere in it, larger or smaller and rolled."""
    height, width = _PHOTO
    scale, roll = rng.uniform(*_SCALES), rng.uniform(-_ROLL, _ROLL)
    longest = max(crop.shape[:2])
    side = min(round(scale * longest), height // 2 + height // 4)
    small = Pillow.fromarray(crop).resize((side, side), Pillow.Resampling.LANCZOS).convert("RGBA")
    rolled = small.rotate(roll, Pillow.Resampling.BICUBIC, expand=True)
    photo = Pillow.new("RGB", (width, height), (_GREY, _GREY, _GREY))
    room = (max(0, width - rolled.width), max(0, height - rolled.height))
    place = (int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1)))
    photo.paste(rolled, place, rolled)
    return np.asarray(photo)
