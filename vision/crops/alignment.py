"""Crop a face the way UTKFace frames its crops; the networks were trained on nothing else."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.types import Box, Detection, Image, Landmarks

# Where the five landmarks lie in a UTKFace crop, as shares of its side: left eye, right eye,
# nose, left and right mouth corner (the viewer's left). Means over crops as the detector of this
# package sees them; `measure_template` repeats the measurement, and docs/experiments/detection.md
# tells its spread.
TEMPLATE: NDArray[np.float64] = np.array(
    [[0.298, 0.290], [0.691, 0.291], [0.490, 0.521], [0.320, 0.692], [0.667, 0.692]]
)

# The ellipse that a face fills, in shares of the side of its crop.
_HALF_WIDTH, _HALF_HEIGHT = 0.3, 0.4

# A crop is sampled this much larger and then reduced, as UTKFace's own 200 px are for the network.
_OVERSAMPLING = 2
# A large face is averaged to boxes of whole pixels before it is filtered, where at least this
# many of them remain to a sample: far cheaper, and filtered all the same.
_REDUCING_GAP = 3.0
_FALLBACK_MARGIN = 0.15  # of the box, where landmarks are useless


@cache
def face_mask(side: int) -> NDArray[np.bool_]:
    """Which pixels (side, side) of a crop show the face, and not what is around it.

    An ellipse in the middle, 0.6 of the side wide and 0.8 high. Not to be written to.
    """
    across = (np.arange(side) + 0.5) / side - 0.5
    face: NDArray[np.bool_] = np.hypot(across / _HALF_WIDTH, across[:, None] / _HALF_HEIGHT) < 1
    return face


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """The similarities (…, 2, 3) that map points (…, n, 2) nearest to others in the least-squares
    sense, without reflection.

    As Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE TPAMI 13(4), 1991, equations 38-42; in the plane it is the regression w = az + b of
    complex numbers. Raises ValueError where points coincide or are not finite.
    """
    z, w = _complex(source), _complex(target)
    if not (np.isfinite(z).all() and np.isfinite(w).all()):
        raise ValueError("The points are not finite.")
    z_mean, w_mean = z.mean(axis=-1, keepdims=True), w.mean(axis=-1, keepdims=True)
    spread = (np.abs(z - z_mean) ** 2).sum(axis=-1)
    if (spread < 1e-6 * z.shape[-1]).any():
        raise ValueError("The points coincide.")
    a = ((z - z_mean).conj() * (w - w_mean)).sum(axis=-1) / spread
    b = w_mean[..., 0] - a * z_mean[..., 0]
    rows = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _complex(points: NDArray[np.floating]) -> NDArray[np.complex128]:
    found: NDArray[np.complex128] = np.ascontiguousarray(points, np.float64).view(np.complex128)
    return found[..., 0]


def align_face(image: Image, detection: Detection, size: int) -> Image:
    """The face upright and framed like a UTKFace crop: uint8 (size, size, 3).

    `image` is uint8 (H, W, 3) RGB in whose pixels the detection is given. What lies outside the
    photo repeats its border. Landmarks that no face can have fall back to the box. Detail too fine
    for the crop is filtered out, not sampled: what is turned is first brought to where no step
    of the sampling passes over a pixel.
    """
    photo_from_crop = framing(detection)
    wide = size * _OVERSAMPLING
    region, offset = _region(image, photo_from_crop)
    step = float(np.hypot(*photo_from_crop[:, 0])) / wide  # photo pixels between two samples
    picture, shrunk = _shrunk(Pillow.fromarray(region), step)
    # Pillow maps the centre of an output pixel to a point of the input plane.
    affine = photo_from_crop.copy()
    affine[:, 2] -= offset
    affine[:, :2] /= wide
    affine /= shrunk[:, None]
    crop = picture.transform(
        (wide, wide), Pillow.Transform.AFFINE, tuple(affine.ravel()), Pillow.Resampling.BICUBIC
    )
    return np.asarray(crop.resize((size, size), Pillow.Resampling.BILINEAR))


def _shrunk(picture: Pillow.Image, step: float) -> tuple[Pillow.Image, NDArray[np.float64]]:
    """A picture of which `step` pixels, where they are more than one, have become one; and its old
    pixels per new one, across and down."""
    if step <= 1:
        return picture, np.ones(2)
    size = (max(1, round(picture.width / step)), max(1, round(picture.height / step)))
    smaller = picture.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    return smaller, np.divide(picture.size, size)


def framing(detection: Detection) -> NDArray[np.float64]:
    """Shares of the crop's side → photo pixels, (2, 3): a similarity."""
    try:
        crop_from_photo = similarity(detection.landmarks, TEMPLATE)
    except ValueError:
        return _framing_of_box(detection.box)
    side = 1 / max(float(np.hypot(*crop_from_photo[:, 0])), 1e-9)
    longest = max(detection.box.width, detection.box.height)
    # A crop is some 1.1 to 1.5 boxes wide; far from that the landmarks are wrong.
    if not 0.5 * longest < side < 4 * longest:
        return _framing_of_box(detection.box)
    photo_from_crop: NDArray[np.float64] = np.linalg.inv(
        np.vstack([crop_from_photo, [0.0, 0.0, 1.0]])
    )[:2]
    return photo_from_crop


def crop_side(detection: Detection) -> float:
    """The side of a face's crop in pixels of the photo."""
    return float(np.hypot(*framing(detection)[:, 0]))


def part_shown(detection: Detection, width: int, height: int) -> tuple[int, int, int, int]:
    """The part (left, top, right, bottom) of an image of this size that `align_face` reads."""
    low, high = _corners(framing(detection))
    left, top = (int(side) for side in low.clip(0, (width - 1, height - 1)))
    right, bottom = (int(side) for side in high.clip((left + 1, top + 1), (width, height)))
    return left, top, right, bottom


def _framing_of_box(box: Box) -> NDArray[np.float64]:
    side = max(box.width, box.height) * (1 + 2 * _FALLBACK_MARGIN)
    left = box.x + box.width / 2 - side / 2
    top = box.y + box.height / 2 - side / 2
    return np.array([[side, 0, left], [0, side, top]])


def _region(image: Image, photo_from_crop: NDArray[np.float64]) -> tuple[Image, Landmarks]:
    """The part of the photo a crop touches, its border repeated, and that part's origin."""
    low, high = _corners(photo_from_crop)
    height, width = image.shape[:2]
    if low.min() >= 0 and high[0] <= width and high[1] <= height:
        return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float32)
    columns = np.clip(np.arange(low[0], high[0]), 0, width - 1)
    rows = np.clip(np.arange(low[1], high[1]), 0, height - 1)
    return image[rows[:, None], columns], low.astype(np.float32)


def _corners(photo_from_crop: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The left upper and right lower corner (2,), in pixels, of what sampling a crop reads."""
    unit = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], np.float64)
    corners = unit @ photo_from_crop.T
    return np.floor(corners.min(axis=0)).astype(int) - 2, np.ceil(corners.max(axis=0)).astype(
        int
    ) + 2
