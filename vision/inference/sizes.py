"""A photo no larger than its faces need: reduced for the search, finer for crops of small ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as Pillow

from vision.crops.alignment import crop_side, part_shown
from vision.photos.decoding import decode_upright, upright_image
from vision.types import Box, Detection, Image

# A photo is searched at an eighth, a quarter or a half of its size where its shorter side stays
# at least this: enough pixels for the smallest face that is looked for, also in a screenshot that
# is twenty times as high as wide.
_SEARCHED_SIDE = 1500
# A face is cropped from the smallest of these sizes at which the side of its crop has so many
# pixels for each that the network sees: as many as the crop is sampled at.
_ENOUGH = 2


@dataclass(frozen=True)
class DecodedPhoto:
    """A photo as it is searched, its width and height at full size, and its file."""

    image: Image
    width: int
    height: int
    file: bytes

    @property
    def scale(self) -> float:
        """How large the image is compared with the photo, which is 1 at most."""
        return float(self.image.shape[1] / self.width)


@dataclass(frozen=True)
class ShownFace:
    """A face, in pixels of an image that shows it, which is `scale` times as large as the photo."""

    image: Image
    face: Detection
    scale: float


def decode_photo(file: bytes) -> DecodedPhoto:
    """Decode a photo as it is searched. Raises PhotoUnreadable."""
    image, (width, height) = decode_upright(file, least_side=_SEARCHED_SIDE)
    return DecodedPhoto(image, width, height, file)


def shown_faces(photo: DecodedPhoto, faces: Sequence[Detection], size: int) -> list[ShownFace]:
    """What faces that were found in a photo are cropped from, for a network that sees `size`
    pixels.

    For those that are too small where the photo was searched it is decoded again, once, finer.
    Raises PhotoUnreadable.
    """
    least = _ENOUGH * size
    sides = [crop_side(face) for face in faces]
    smallest = min(sides, default=least)
    found = [ShownFace(photo.image, face, photo.scale) for face in faces]
    if photo.scale == 1 or smallest >= least:
        return found
    share = min(1.0, photo.scale * least / smallest)
    shorter = math.ceil(share * min(photo.width, photo.height))
    finer, _size = upright_image(photo.file, least_side=shorter)
    return [
        one if side >= least else _shown_finer(photo, one.face, finer)
        for one, side in zip(found, sides, strict=True)
    ]


def _shown_finer(photo: DecodedPhoto, face: Detection, finer: Pillow.Image) -> ShownFace:
    """A face in the part of a finer image of its photo that its crop shows."""
    there = scaled(face, finer.width / photo.image.shape[1], finer.width, finer.height)
    left, top, right, bottom = part_shown(there, finer.width, finer.height)
    box = replace(there.box, x=there.box.x - left, y=there.box.y - top)
    landmarks = there.landmarks - np.array([left, top], np.float32)
    part = np.asarray(finer.crop((left, top, right, bottom)))
    inside = replace(there, box=box, landmarks=landmarks)
    return ShownFace(part, inside, finer.width / photo.width)


def scaled(face: Detection, scale: float, width: int, height: int) -> Detection:
    """A detection in pixels of an image that is `scale` times as large, inside its width and
    height."""
    left, top = round(face.box.x * scale), round(face.box.y * scale)
    box = Box(
        left,
        top,
        min(round(face.box.width * scale), width - left),
        min(round(face.box.height * scale), height - top),
    )
    return replace(face, box=box, landmarks=face.landmarks * np.float32(scale))
