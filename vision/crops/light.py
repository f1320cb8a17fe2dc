"""How bright a picture is, and the face in a crop, and the weakest gain that makes a dark one as
bright as others. NumPy.

docs/experiments/light.md has the figures.
"""

import numpy as np

from vision.types import LUMA, Image

from .alignment import face_mask

BRIGHTEST = 0.99  # the quantile that one lamp or one spot of glare does not decide
_SAMPLES = 50_000  # pixels are enough to know it by; a crop of 224 pixels has about as many


def highlights(picture: Image) -> float:
    """The luminance, 0-255, that the brightest hundredth of a picture (H, W, 3) has at least.

    Of a large picture only every n-th row and column is read.
    """
    step = max(1, int(np.sqrt(picture.shape[0] * picture.shape[1] / _SAMPLES)))
    return float(np.quantile(picture[::step, ::step] @ LUMA, BRIGHTEST))


def face_highlights(crop: Image) -> float:
    """The `highlights` of the face alone in an aligned crop (S, S, 3), whatever it is in front
    of."""
    return float(np.quantile(crop[face_mask(len(crop))] @ LUMA, BRIGHTEST))


def brighten(picture: Image, target: float) -> Image:
    """A picture (H, W, 3) whose `highlights` are no darker than `target`.

    One that is darker has all its values multiplied by the one number that brings them there, as a
    longer exposure would (of values in proportion to the light; these are not, quite); any other is
    given back itself. Black stays black.
    """
    return _brought(picture, highlights(picture), target)


def brighten_face(crop: Image, target: float) -> Image:
    """As `brighten`, of an aligned crop (S, S, 3) by its `face_highlights`: what is behind the face
    may come out white."""
    return _brought(crop, face_highlights(crop), target)


def _brought(picture: Image, found: float, target: float) -> Image:
    if found >= target:
        return picture
    values = np.arange(256) * (target / max(1.0, found))
    return values.round().clip(0, 255).astype(np.uint8)[picture]
