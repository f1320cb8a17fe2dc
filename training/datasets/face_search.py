"""Looking for a face on every image of a dataset: what shows none is no example of one."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from training.models import Dataset, Sample
from vision.data.cleaning import COPY_REASONS, Reason
from vision.detection import Detector, load_detector
from vision.photos.decoding import decode_upright
from vision.types import Image

from . import stored_contents

_BATCH = 64
_MARGIN = 0.25  # of the crop's longer side, on every side


def look_for_faces(dataset: Dataset, on_progress: Callable[[str, int, int], None]) -> int:
    """Run the detector on every readable image that it has not seen; how many show no face.

    Cut off, it goes on where it stood.
    """
    unseen = dataset.samples.filter(face_confidence=None).exclude(digest="")
    total, done, without = unseen.count(), 0, 0
    detector = load_detector()
    for batch in _batches(unseen.iterator()):
        without += _look(detector, batch)
        done += len(batch)
        on_progress("faces", done, total)
    return without


def _framed(data: bytes) -> Image:
    """The pixels with a margin: crops are cut so tight that the detector would miss faces."""
    pixels, (width, height) = decode_upright(data, least_side=256)
    margin = round(_MARGIN * max(width, height))
    return np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")


def _batches(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    while batch := list(islice(samples, _BATCH)):
        yield batch


def _look(detector: Detector, batch: list[Sample]) -> int:
    images = {sample: _framed(data) for sample in batch if (data := _content(sample))}
    if not images:
        return 0
    found = [
        max((face.confidence for face in faces), default=0.0)
        for faces in detector.detect(list(images.values()))
    ]
    for sample, confidence in zip(images, found, strict=True):
        sample.face_confidence = confidence
        unnamed = sample.found in {"", *COPY_REASONS}
        if confidence == 0 and unnamed:
            sample.found = Reason.NO_FACE
    Sample.objects.bulk_update(images, ["face_confidence", "found"])
    return sum(confidence == 0 for confidence in found)


def _content(sample: Sample) -> bytes:
    """Empty where it is missing: an import puts it back, and it is looked at after that."""
    try:
        return stored_contents.read(sample.digest)
    except FileNotFoundError:
        return b""
