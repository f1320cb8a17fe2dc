"""The way of a photo: decode, find faces, align them, one pass of the network for all."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .alignment import align_face
from .detection import Detector
from .errors import PhotoError
from .photos import decode_upright
from .types import Box, Detection, FaceAttributes, FaceResult, Image, PhotoResult

# A photo is decoded at an eighth, a quarter or a half of its size where its shorter side stays
# above this: enough pixels for the smallest face that is looked for, also in a screenshot that is
# twenty times as high as wide.
_WORKING_SIDE = 1800


class Predictor(Protocol):
    input_size: int

    def predict(self, crops: NDArray[np.uint8]) -> list[FaceAttributes]: ...


class Pipeline:
    """A detector and an engine, working together."""

    def __init__(self, detector: Detector, engine: Predictor) -> None:
        self.detector = detector
        self.engine = engine

    def run(self, photos: Sequence[bytes]) -> list[PhotoResult | PhotoError]:
        """Every face of every photo (encoded bytes), with estimates, in the order given.

        All faces of all photos go through the trunk together. A photo that cannot be read gives
        its PhotoError in its place and disturbs no other.
        """
        decoded = [_decode(photo) for photo in photos]
        images = [one[0] for one in decoded if not isinstance(one, PhotoError)]
        detections = iter(self.detector.detect(images) if images else [])
        found = [[] if isinstance(one, PhotoError) else next(detections) for one in decoded]
        size = self.engine.input_size
        crops = [
            align_face(one[0], face, size)
            for one, faces in zip(decoded, found, strict=True)
            if not isinstance(one, PhotoError)
            for face in faces
        ]
        attributes = iter(self.engine.predict(np.stack(crops)) if crops else [])
        return [
            one if isinstance(one, PhotoError) else _result(one, faces, attributes)
            for one, faces in zip(decoded, found, strict=True)
        ]


def align_again(photo: bytes, face: Detection, size: int) -> Image:
    """The crop of a face that was found before, framed as `Pipeline.run` frames it for the network.

    `face` is given in pixels of the full-size photo, as results are. Returns uint8
    (size, size, 3) RGB. Raises PhotoUnreadable.
    """
    image, (width, _height) = decode_upright(photo, least_side=_WORKING_SIDE)
    height_there, width_there = image.shape[:2]
    there = _scaled(face, width_there / width, width_there, height_there)
    return align_face(image, there, size)


Decoded = tuple[Image, tuple[int, int]]


def _decode(photo: bytes) -> Decoded | PhotoError:
    try:
        return decode_upright(photo, least_side=_WORKING_SIDE)
    except PhotoError as error:
        return error


def _result(
    decoded: Decoded, faces: Sequence[Detection], attributes: Iterator[FaceAttributes]
) -> PhotoResult:
    image, (width, height) = decoded
    scale = width / image.shape[1]
    return PhotoResult(
        width,
        height,
        tuple(FaceResult(_scaled(face, scale, width, height), next(attributes)) for face in faces),
    )


def _scaled(face: Detection, scale: float, width: int, height: int) -> Detection:
    """The detection in pixels of the full-size photo, inside it."""
    left, top = round(face.box.x * scale), round(face.box.y * scale)
    box = Box(
        left,
        top,
        min(round(face.box.width * scale), width - left),
        min(round(face.box.height * scale), height - top),
    )
    return replace(face, box=box, landmarks=face.landmarks * np.float32(scale))
