"""A batch of predictions worked through: its photos read, estimated, the results written.

Reading and estimating are apart, so that one thread can read a batch while another estimates the
one before. What storage or database refuse for a moment is tried again; an error of any other
kind returns the batch, to be tried again photo by photo.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError

from vision.errors import PhotoError
from vision.messages import Message
from vision.types import PhotoResult

from .claims import Claim, fail, finish, hand_back
from .messages import FailureCode
from .model_server import Estimator, Served
from .models import Photo, Prediction
from .retries import Retries

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """What a claim holds, with the photos that storage gave, decoded, and how long that took."""

    claim: Claim
    decoded: Mapping[Prediction, Any]
    seconds: float


def read(claim: Claim, estimator: Estimator, retries: Retries | None = None) -> Batch:
    """Read and decode what a claim holds; predictions whose photos storage does not give fail.

    Raises a database error where the database stays away; leases then run out.
    """
    started = time.perf_counter()

    def decode() -> dict[Prediction, Any]:
        photos = _read_all(claim, retries or Retries())
        return dict(zip(photos, estimator.decode(list(photos.values())), strict=True))

    decoded = _or_hand_back(claim, decode) or {}
    return Batch(claim, decoded, time.perf_counter() - started)


def estimate(batch: Batch, served: Served, retries: Retries | None = None) -> None:
    """Estimate a batch and write the results.

    Work whose claim is lost meanwhile (the photo was deleted, or the lease ran out and another
    worker has it) is discarded. Raises as `read` does.
    """
    if batch.decoded:
        _or_hand_back(batch.claim, partial(_estimate, batch, served, retries or Retries()))


def _or_hand_back(claim: Claim, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except DATABASE_AWAY:
        raise
    except Exception:
        logger.exception("Estimating a batch failed (%d photos).", len(claim.predictions))
        hand_back(claim)
        return None


def _estimate(batch: Batch, served: Served, retries: Retries) -> None:
    started = time.perf_counter()
    results = served.estimator.estimate(list(batch.decoded.values()))
    seconds = batch.seconds + time.perf_counter() - started
    # One photo's share of the time that reading and estimating its batch took; not its wait.
    took_ms = round(seconds * 1000 / len(results))
    logger.info("Estimated %d photos, %d ms each.", len(results), took_ms)
    told = dict(zip(batch.decoded, results, strict=True))
    write = partial(_write, batch.claim, told, served, took_ms)
    retries.attempt(write, *DATABASE_AWAY)


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
    results: Mapping[Prediction, PhotoResult | PhotoError],
    served: Served,
    took_ms: int,
) -> None:
    """All that can be told at once: a transaction for each photo would take longer."""
    found = {}
    for prediction, result in results.items():
        if isinstance(result, PhotoError):
            fail(claim, prediction, result.message)
        else:
            found[prediction] = result.faces
    finish(claim, found, version=served.version, took_ms=took_ms)
