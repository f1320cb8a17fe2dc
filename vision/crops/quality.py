"""What a photo can tell of a face, and what it cannot: how sure an age may be, and when nothing is
said at all. NumPy.

docs/experiments/quality.md has the figures that the limits and factors come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.types import LUMA, Detection, Image, Landmarks, Quality

from .alignment import face_mask, framing
from .light import face_highlights
from .softness import blur

# What is warned of. With one of `WITHHELD` nothing is estimated; the first four others widen
# ages, while of turned and cut faces ages are no worse, as far as that could be measured.
TOO_SMALL, TOO_BLURRED, TOO_DARK = "too_small", "too_blurred", "too_dark"
TOO_BRIGHT = "too_bright"
SMALL, BLURRED, DARK, OVEREXPOSED = "small", "blurred", "dark", "overexposed"
TURNED, CUT = "turned", "cut"
WITHHELD = frozenset({TOO_SMALL, TOO_BLURRED, TOO_DARK, TOO_BRIGHT})

_SIDE = 96  # pixels of the crop that is measured, whatever the network's input
_BOX = 0.83  # the width of an upright face's box as a share of the side of its crop
_WHITE = 250
# What a Gaussian of so many pixels takes of a face's slopes, as a share of them, that counts as 1.
_REBLUR, _MOST_TAKEN = 1.0, 0.4

# Below these the photo cannot tell, and where more of a face than that is white.
_LEAST_SIZE, _LEAST_SHARPNESS, _LEAST_EXPOSURE = 32, 0.11, 0.02
_MOST_OVEREXPOSED = 0.5
# By what factor an age's interval has to be wider for it to hold as often, by each measure;
# straight lines between. The largest counts, and from `_NOTABLE` on it is warned of.
_FACTORS: Mapping[str, tuple[Sequence[float], Sequence[float]]] = {
    SMALL: ((32, 43, 64), (1.15, 1.05, 1.0)),
    BLURRED: ((0.16, 0.2, 0.25, 0.31, 0.43), (1.6, 1.5, 1.33, 1.1, 1.0)),
    DARK: ((0.055, 0.09), (1.1, 1.0)),
    OVEREXPOSED: ((0.1, 0.2, 0.5), (1.0, 1.1, 1.2)),
}
_NOTABLE = 1.1
_FAR_TURNED = 45  # degrees; UTKFace has hardly a head that is turned farther

# Where the face lies in its crop, in shares: points of a grid over it.
_FACE_POINTS: NDArray[np.float64] = np.stack(
    np.meshgrid(np.linspace(0.2, 0.8, 9), np.linspace(0.1, 0.9, 9)), axis=-1
).reshape(-1, 2)
_MOST_OUTSIDE = 0.2  # share of these points that may lie outside the photo

# How far a nose stands out from the plane of eyes and mouth, in distances between the eyes, and
# how far down it is from the eyes to the mouth: of an average head, as the template has it.
_NOSE_OUT, _NOSE_DOWN = 0.45, 0.57


def assess(image: Image, face: Detection, crop: Image, scale: float = 1.0) -> Quality:
    """The quality of a face of an image (H, W, 3), in whose pixels the detection is given.

    The image is `scale` times as large as its photo, or a part of one that is. `crop` (S, S, 3) is
    what `alignment.align_face` cut out, before it is read.
    """
    photo_from_crop = framing(face)
    small = _resized(crop)
    measured = Quality(
        size=round(_BOX * float(np.hypot(*photo_from_crop[:, 0])) / scale),
        sharpness=sharpness(small),
        exposure=face_highlights(small) / 255,
        overexposed=overexposed(small),
        turn=round(turn(face.landmarks)),
        cut=_outside(photo_from_crop, image) > _MOST_OUTSIDE,
    )
    return replace(measured, warnings=warnings_of(measured))


def sharpness(crop: Image) -> float:
    """How much of the slopes of the face in a crop (S, S, 3) a slight blur takes, 0 to 1.

    By the root of their mean square, before and after; what is blurred already loses little more
    (Crété et al., "The blur effect: perception and estimation with a new no-reference perceptual
    blur metric", SPIE 6492, 2007). A face is compared with itself, so light, contrast and skin make
    no difference. Unlike `softness.softness`, which weighs fine detail against coarse, it falls
    however strong a blur is.
    """
    before = _slope(crop)
    return min(1.0, (1 - _slope(blur(crop, _REBLUR)) / before) / _MOST_TAKEN) if before else 0.0


def overexposed(crop: Image) -> float:
    """The share, 0 to 1, of the face in a crop (S, S, 3) that is white, its luminance 250 of 255 or
    more."""
    return float((crop[face_mask(len(crop))] @ LUMA >= _WHITE).mean())


def is_withheld(quality: Quality) -> bool:
    """Whether a photo shows so little of a face that nothing is said of it."""
    return not WITHHELD.isdisjoint(quality.warnings)


def widening_of(quality: Quality) -> float:
    """The factor, 1 at least, by which the age of a face is less sure than of a good crop."""
    return max(_factors(quality).values())


def warnings_of(quality: Quality) -> tuple[str, ...]:
    """What is to be said of its measures: codes."""
    hopeless = {
        TOO_SMALL: quality.size < _LEAST_SIZE,
        TOO_BLURRED: quality.sharpness < _LEAST_SHARPNESS,
        TOO_DARK: quality.exposure < _LEAST_EXPOSURE,
        TOO_BRIGHT: quality.overexposed > _MOST_OVEREXPOSED,
    }
    if any(hopeless.values()):
        return tuple(code for code, is_so in hopeless.items() if is_so)
    doubtful = {code: factor >= _NOTABLE for code, factor in _factors(quality).items()}
    doubtful |= {TURNED: quality.turn > _FAR_TURNED, CUT: quality.cut}
    return tuple(code for code, is_so in doubtful.items() if is_so)


def _factors(quality: Quality) -> dict[str, float]:
    """By what is warned of."""
    measures = {
        SMALL: quality.size,
        BLURRED: quality.sharpness,
        DARK: quality.exposure,
        OVEREXPOSED: quality.overexposed,
    }
    return {code: float(np.interp(value, *_FACTORS[code])) for code, value in measures.items()}


def turn(landmarks: Landmarks) -> float:
    """By how many degrees, 0 to 90, a head is turned to either side, by five landmarks (5, 2).

    A nose stands out from the plane of eyes and mouth. As the head turns by an angle it moves
    across by the sine of it and the eyes come nearer by its cosine, so the ratio of both is the
    tangent. 0 where landmarks coincide.
    """
    left, right, nose, *mouth = landmarks.astype(np.float64)
    eyes = right - left
    apart = float(np.hypot(*eyes))
    if not apart:
        return 0.0
    middle = (left + right) / 2 * (1 - _NOSE_DOWN) + sum(mouth) / 2 * _NOSE_DOWN
    across = float((nose - middle) @ eyes) / apart**2
    return float(np.degrees(np.arctan(abs(across) / _NOSE_OUT)))


def _slope(crop: Image) -> float:
    """The root mean square of the slopes of the luminance of the face, a pixel."""
    slopes = np.hypot(*np.gradient(crop @ LUMA))
    return float(np.sqrt(np.mean(slopes[face_mask(len(crop))] ** 2)))


def _outside(photo_from_crop: NDArray[np.float64], image: Image) -> float:
    """The share of a face that the border of the photo cuts off."""
    height, width = image.shape[:2]
    x, y = (_FACE_POINTS @ photo_from_crop[:, :2].T + photo_from_crop[:, 2]).T
    return float(((x < 0) | (x > width) | (y < 0) | (y > height)).mean())


def _resized(crop: Image) -> Image:
    if len(crop) == _SIDE:
        return crop
    size = (_SIDE, _SIDE)
    return np.asarray(Pillow.fromarray(crop).resize(size, Pillow.Resampling.BILINEAR))
