"""The way of a photo: decode, find faces, align them, one pass of the network for all."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vision.crops.alignment import align_face
from vision.crops.quality import assess, is_withheld, widening_of
from vision.detection import Detector
from vision.errors import PhotoError
from vision.photos.decoding import decode_upright
from vision.types import Box, Detection, FaceAttributes, FaceResult, Image, PhotoResult

# A photo is decoded at an eighth, a quarter or a half of its size where its shorter side stays
# above this: enough pixels for the smallest face that is looked for, also in a screenshot that is
# twenty times as high as wide.
_WORKING_SIDE = 1800


Decoded = tuple[Image, tuple[int, int]]  # at its working size; width and height of the photo


class Predictor(Protocol):
    input_size: int

    def predict(
        self, crops: NDArray[np.uint8], widening: NDArray[np.float64] | None = None
    ) -> list[FaceAttributes]: ...


class Pipeline:
    """A detector and an engine, working together."""

    def __init__(self, detector: Detector, engine: Predictor) -> None:
        self.detector = detector
        self.engine = engine

    def run(self, photos: Sequence[bytes]) -> list[PhotoResult | PhotoError]:
        """Every face of every photo (encoded bytes), with estimates, in the order given.

        All faces of all photos go through the backbone together. A photo that cannot be read gives
        its PhotoError in its place and disturbs no other.
        """
        return self.estimate(self.decode(photos))

    def decode(self, photos: Sequence[bytes]) -> list[Decoded | PhotoError]:
        """The first half of `run`, which any thread may do while another is at the second."""
        return [_decode(photo) for photo in photos]

    def estimate(self, decoded: Sequence[Decoded | PhotoError]) -> list[PhotoResult | PhotoError]:
        """The second half of `run`, of what any pipeline has decoded."""
        images = [one[0] for one in decoded if not isinstance(one, PhotoError)]
        detections = self.detector.detect(images) if images else []
        shown = [
            (image, face) for image, faces in zip(images, detections, strict=True) for face in faces
        ]
        results = iter(self._estimate(shown))
        found = iter([[next(results) for _ in faces] for faces in detections])
        return [
            one if isinstance(one, PhotoError) else _result(one, next(found)) for one in decoded
        ]

    def _estimate(self, shown: Sequence[tuple[Image, Detection]]) -> list[FaceResult]:
        """Faces, each in pixels of its image, with what their images can tell of them."""
        crops = [align_face(image, face, self.engine.input_size) for image, face in shown]
        qualities = [assess(*one, crop) for one, crop in zip(shown, crops, strict=True)]
        widening = np.array([widening_of(one) for one in qualities])
        attributes = self.engine.predict(np.stack(crops), widening) if crops else []
        return [
            FaceResult(face, quality, FaceAttributes() if is_withheld(quality) else said)
            for (_image, face), quality, said in zip(shown, qualities, attributes, strict=True)
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


def _decode(photo: bytes) -> Decoded | PhotoError:
    try:
        return decode_upright(photo, least_side=_WORKING_SIDE)
    except PhotoError as error:
        return error


def _result(decoded: Decoded, faces: Sequence[FaceResult]) -> PhotoResult:
    """The faces in pixels of the full-size photo."""
    image, (width, height) = decoded
    scale = width / image.shape[1]
    return PhotoResult(
        width,
        height,
        tuple(
            replace(face, detection=_scaled(face.detection, scale, width, height)) for face in faces
        ),
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
