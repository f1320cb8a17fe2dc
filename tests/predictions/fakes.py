"""Small honest stand-ins for the network, for tests of the work around it."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from predictions.claims import claim_batch
from predictions.inference import estimate, read
from predictions.model_server import Served
from predictions.retries import Retries
from tests.factories import ModelVersionFactory
from vision.errors import PhotoError, PhotoUnreadable
from vision.types import (
    AgeEstimate,
    Box,
    ClassEstimate,
    Detection,
    FaceAttributes,
    FaceResult,
    PhotoResult,
    Quality,
)

BROKEN = b"broken"
NO_FACE = b"no face"


def face(x: int = 10, years: float = 30.0) -> FaceResult:
    return FaceResult(
        Detection(Box(x, 20, 30, 40), 0.98765, np.full((5, 2), 15.125, np.float32)),
        Quality(30, 0.5, 0.75, 0.0, 4, False, ("small",)),
        FaceAttributes(
            age=AgeEstimate(years, 25, 38, 0.8, (("20-29", 0.5), ("30-39", 0.5))),
            classes={"gender": ClassEstimate({"male": 0.1, "female": 0.9})},
        ),
    )


class FakeEstimator:
    """Finds two faces in every photo, none in NO_FACE, and cannot read BROKEN.

    `meanwhile` is called in the middle of every batch, with its photos.
    """

    def __init__(self, meanwhile: Callable[[Sequence[bytes]], None] | None = None) -> None:
        self.batches: list[list[bytes]] = []
        self._meanwhile = meanwhile

    def decode(self, photos: Sequence[bytes]) -> list[bytes]:
        return list(photos)

    def estimate(self, photos: Sequence[bytes]) -> list[PhotoResult | PhotoError]:
        self.batches.append(list(photos))
        if self._meanwhile:
            self._meanwhile(photos)
        return [self._one(photo) for photo in photos]

    @staticmethod
    def _one(photo: bytes) -> PhotoResult | PhotoError:
        if photo == BROKEN:
            return PhotoUnreadable()
        return PhotoResult(640, 480, () if photo == NO_FACE else (face(10), face(100)))


def serving(estimator: FakeEstimator) -> Served:
    return Served(ModelVersionFactory.create(), estimator)


def run_batch(served: Served, pauses: Iterable[float] = ()) -> None:
    """Claim a batch and work through it, waiting in `pauses` for what is away."""
    claim = claim_batch()
    assert claim is not None
    retries = Retries(pauses)
    estimate(read(claim, served.estimator, retries), served, retries)
