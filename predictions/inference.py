"""A batch of waiting predictions worked through, from the claim to the written results."""

import logging
import time
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError

from training.jobs.pulse import pulse
from vision.errors import PhotoError
from vision.messages import Message
from vision.types import PhotoResult

from .claims import Claim, claim_batch, fail, finish, hand_back, renew
from .messages import FailureCode
from .model_server import Served
from .models import Photo, Prediction
from .retries import Retries

logger = logging.getLogger(__name__)

# Seconds. No batch takes so long on any machine: a library hangs.
LONGEST_BATCH = 600

_DATABASE_AWAY = (OperationalError, InterfaceError)


def run_batch(wanted: UUID, served: Served, retries: Retries | None = None) -> int:
    """Claim a batch, the wanted prediction first, estimate it and write the results.

    Returns how many predictions were claimed. Work whose claim is lost meanwhile (the photo was
    deleted, or the lease ran out and another worker has it) is discarded. Raises a database
    error where the database stays away; the sweeper then takes over once the lease runs out.
    """
    claim = claim_batch(wanted)
    if claim is None:
        return 0
    # However slow the machine is, the claim lives for as long as its worker works on it.
    beat = partial(renew, claim)
    with pulse(beat, settings.LEASE.total_seconds() / 3, longest=LONGEST_BATCH):
        try:
            _work(claim, served, retries or Retries())
        except _DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("Estimating a batch failed (%d photos).", len(claim.predictions))
            hand_back(claim)
    return len(claim.predictions)


def _work(claim: Claim, served: Served, retries: Retries) -> None:
    started = time.perf_counter()
    photos = _read_all(claim, retries)
    if not photos:
        return
    results = served.estimator.run(list(photos.values()))
    # One photo's share of the time that reading and estimating its batch took; not its wait.
    took_ms = round((time.perf_counter() - started) * 1000 / len(photos))
    logger.info("Estimated %d photos, %d ms each.", len(photos), took_ms)
    for prediction, result in zip(photos, results, strict=True):
        write = partial(_write, claim, prediction, result, served, took_ms)
        retries.attempt(write, *_DATABASE_AWAY)


def _read_all(claim: Claim, retries: Retries) -> dict[Prediction, bytes]:
    """The bytes of every photo that storage gives; the others' predictions fail."""
    photos = {}
    for prediction in claim.predictions:
        try:
            photos[prediction] = retries.attempt(partial(_read, prediction.photo), _StorageAway)
        except (FileNotFoundError, _StorageAway):
            # Where the photo was deleted meanwhile, its prediction is gone too: nothing fails.
            if fail(claim, prediction, Message(FailureCode.STORAGE_ERROR)):
                logger.exception("The file of photo %s could not be read.", prediction.photo_id)
    return photos


class _StorageAway(Exception):
    """The storage did not give a file that it may well have."""


def _read(photo: Photo) -> bytes:
    try:
        with photo.image.open("rb") as file:
            data: bytes = file.read()
    except FileNotFoundError:
        raise
    except Exception as error:  # every storage raises the errors of its own client library
        raise _StorageAway(str(error)) from error
    return data


def _write(
    claim: Claim,
    prediction: Prediction,
    result: PhotoResult | PhotoError,
    served: Served,
    took_ms: int,
) -> None:
    if isinstance(result, PhotoError):
        fail(claim, prediction, result.message)
    else:
        finish(claim, prediction, result.faces, version=served.version, took_ms=took_ms)
