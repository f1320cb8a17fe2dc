"""The way of a photo: decode, find faces, align them, one pass of the network for all."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vision.crops.alignment import align_face
from vision.crops.quality import assess, is_withheld, widening_of
from vision.detection import Detector
from vision.errors import PhotoError
from vision.types import Detection, FaceAttributes, FaceResult, Image, PhotoResult, Quality

from .sizes import DecodedPhoto, ShownFace, decode_photo, scaled, shown_faces


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

    def decode(self, photos: Sequence[bytes]) -> list[DecodedPhoto | PhotoError]:
        """The first half of `run`, which any thread may do while another is at the second."""
        return [_decode(photo) for photo in photos]

    def estimate(
        self, decoded: Sequence[DecodedPhoto | PhotoError]
    ) -> list[PhotoResult | PhotoError]:
        """The second half of `run`, of what any pipeline has decoded."""
        photos = [one for one in decoded if isinstance(one, DecodedPhoto)]
        images, scales = [one.image for one in photos], [one.scale for one in photos]
        found = self.detector.detect(images, scales) if images else []
        shown = [
            each
            for photo, faces in zip(photos, found, strict=True)
            for each in shown_faces(photo, faces, self.engine.input_size)
        ]
        estimates = iter(self._estimate(shown))
        results = iter(
            [_result(photo, faces, estimates) for photo, faces in zip(photos, found, strict=True)]
        )
        return [one if isinstance(one, PhotoError) else next(results) for one in decoded]

    def _estimate(self, shown: Sequence[ShownFace]) -> list[tuple[Quality, FaceAttributes]]:
        """What the images can tell of their faces, and what the network says of them."""
        crops = [align_face(one.image, one.face, self.engine.input_size) for one in shown]
        qualities = [
            assess(one.image, one.face, crop, one.scale)
            for one, crop in zip(shown, crops, strict=True)
        ]
        widening = np.array([widening_of(one) for one in qualities])
        attributes = self.engine.predict(np.stack(crops), widening) if crops else []
        return [
            (quality, FaceAttributes() if is_withheld(quality) else said)
            for quality, said in zip(qualities, attributes, strict=True)
        ]


def align_again(photo: bytes, face: Detection, size: int) -> Image:
    """The crop of a face that was found before, framed as `Pipeline.run` frames it for the network.

    `face` is given in pixels of the full-size photo, as results are. Returns uint8
    (size, size, 3) RGB. Raises PhotoUnreadable.
    """
    decoded = decode_photo(photo)
    height, width = decoded.image.shape[:2]
    there = scaled(face, decoded.scale, width, height)
    [shown] = shown_faces(decoded, [there], size)
    return align_face(shown.image, shown.face, size)


def _decode(photo: bytes) -> DecodedPhoto | PhotoError:
    try:
        return decode_photo(photo)
    except PhotoError as error:
        return error


def _result(
    photo: DecodedPhoto,
    faces: Sequence[Detection],
    estimates: Iterator[tuple[Quality, FaceAttributes]],
) -> PhotoResult:
    """The faces in pixels of the full-size photo."""
    return PhotoResult(
        photo.width,
        photo.height,
        tuple(
            FaceResult(scaled(face, 1 / photo.scale, photo.width, photo.height), *next(estimates))
            for face in faces
        ),
    )
