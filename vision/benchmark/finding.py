"""What decoding photos and finding their faces costs, as multiples of a pass."""

import io
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vision.bundles.bundle import Bundle
from vision.detection import load_detector
from vision.inference.pipeline import Pipeline
from vision.types import FaceAttributes

from .networks import REFERENCE, a_pass
from .timing import alternated, timed


class NoNetwork:
    """Takes the place of a network and estimates nothing, so that all the rest can be measured."""

    def __init__(self, input_size: int) -> None:
        self.input_size = input_size

    def predict(
        self,
        crops: NDArray[np.uint8],
        widening: NDArray[np.float64] | None = None,  # noqa: ARG002
    ) -> list[FaceAttributes]:
        return [FaceAttributes() for _ in crops]


def finding(photos: Mapping[str, bytes], starter: Bundle, rounds: int) -> dict[str, Any]:
    """For photos by `photos.made_of`: finding faces in pixels, and from the bytes to framed faces.

    Milliseconds, and how many times a pass.
    """
    detector = load_detector()
    pipeline = Pipeline(detector, NoNetwork(starter.manifest["input_size"]))
    measures = {REFERENCE: a_pass(starter)}
    for name in ("portrait", "medium"):
        with Pillow.open(io.BytesIO(photos[name])) as image:
            pixels = np.asarray(image)
        measures[f"finding, {name}"] = timed(partial(detector.detect, [pixels]))
    for name, photo in photos.items():
        measures[f"decoding, {name}"] = timed(partial(pipeline.decode, [photo]))
        measures[f"decoding, finding and framing, {name}"] = timed(partial(pipeline.run, [photo]))
    timings = alternated(measures, rounds)
    return {
        name: {**timing.as_json(), "passes": timing.to(timings[REFERENCE])}
        for name, timing in timings.items()
    }
