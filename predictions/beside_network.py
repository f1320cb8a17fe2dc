"""What a photo costs beside the network: queue, decoding, detection, database."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from training.models import ModelVersion
from training.registry.loading import load_engine
from vision.benchmark.finding import NoNetwork
from vision.benchmark.networks import BATCH, LARGE, at, measured
from vision.benchmark.timing import Cost, alternated
from vision.bundles.bundle import Bundle
from vision.detection import load_detector
from vision.errors import PhotoError
from vision.inference.pipeline import Pipeline
from vision.types import PhotoResult

from .access import Owner
from .claims import claim_batch
from .inference import estimate, read
from .model_server import Served
from .models import Photo
from .uploads import accept_photo

BESIDE = "queue, decoding, detection, database"
QUEUE = "queue and database alone"


class _Known:
    """An estimator that knows the result beforehand."""

    def __init__(self, result: PhotoResult | PhotoError) -> None:
        self._result = result

    def decode(self, photos: Sequence[bytes]) -> list[bytes]:
        return list(photos)

    def estimate(self, decoded: Sequence[bytes]) -> list[PhotoResult | PhotoError]:
        return [self._result for _ in decoded]


def beside_network(starter: Bundle, photo: bytes, rounds: int) -> dict[str, Any]:
    """A worker's batch of a photo's copies, from looking for them until the results are written,
    without the network; the same without decoding and detection; and the network at 224 pixels.
    Each is told for one photo.

    It writes into the database, and works on what else waits there: that is to be an empty one.
    """
    settings.BATCH_PHOTOS = BATCH
    network = load_engine(at(starter, LARGE))
    version, _ = ModelVersion.objects.get_or_create(name="none", bundle="none", manifest={})
    pipeline = Pipeline(load_detector(), NoNetwork(LARGE))
    found, queued = Served(version, pipeline), Served(version, _Known(pipeline.run([photo])[0]))
    _cost(found, photo)
    backbone = f"backbone, {network.precision}, at {LARGE}, in batches of {BATCH}"
    measures = {
        BESIDE: lambda: _cost(found, photo),
        QUEUE: lambda: _cost(queued, photo),
        backbone: measured(network, BATCH),
    }
    timings = alternated(measures, rounds)
    costs = {name: timing.as_json() for name, timing in timings.items()}
    return {**costs, "times_the_backbone": timings[BESIDE].to(timings[backbone])}


def _cost(served: Served, photo: bytes) -> Cost:
    """What one photo of a batch costs the worker's process."""
    for _ in range(BATCH):
        accept_photo(Owner(visitor=uuid.uuid4()), SimpleUploadedFile("photo.jpg", photo))
    wall, cpu = time.perf_counter(), time.process_time()
    claim = claim_batch()
    if claim is None or len(claim.predictions) != BATCH:
        raise RuntimeError("Somebody else works on this database.")
    estimate(read(claim, served.estimator), served)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    Photo.objects.all().delete()
    return Cost(wall / BATCH, cpu / BATCH)
