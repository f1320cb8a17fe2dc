"""Finding faces. `load_detector` gives the detector of this version of FaceRoute; another one is
another module with a class of the same protocol, and a line there."""

from collections.abc import Sequence
from typing import Protocol

from ..types import Detection, Image


class Detector(Protocol):
    """Finds the faces of photos. Not for use by several threads at once."""

    def detect(
        self, images: Sequence[Image], scales: Sequence[float] | None = None
    ) -> list[list[Detection]]:
        """Every face of every image, uint8 (H, W, 3) RGB of any size; the largest face first.

        `scales`: how large each is compared with its photo, 1 at most; faces are looked for that
        are small in an image because its photo was reduced. Boxes and landmarks are in pixels of
        the image; boxes are clipped to it.
        """
        ...


def load_detector() -> Detector:
    """The detector, its networks loaded and warmed up."""
    from .mtcnn import Mtcnn

    return Mtcnn()
