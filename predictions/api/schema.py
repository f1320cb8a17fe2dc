"""What the OpenAPI document says of the calls about predictions beyond what their code shows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from predictions.batches.archives import (
    ArchiveClosed,
    ArchiveRefused,
    ArchiveTooLarge,
    PieceMisplaced,
)
from predictions.batches.joining import BatchClosed, BatchFull, BatchGone
from predictions.pictures import KINDS, WAYS
from predictions.receipts import LONGEST_KEY
from predictions.uploads import (
    AccountGone,
    AlreadyDeleted,
    DecodingUnavailable,
    KeyReused,
    PhotosFull,
    QuotaExceeded,
    StorageUnavailable,
)
from training.api import schema
from training.api.schema import COMMON_CODES, ErrorSerializer, answered
from vision.errors import PhotoTooLarge, PhotoTypeUnsupported, PhotoUnreadable

_REFUSALS = (
    PhotoTypeUnsupported,
    PhotoUnreadable,
    PhotoTooLarge,
    AccountGone,
    KeyReused,
    AlreadyDeleted,
    QuotaExceeded,
    StorageUnavailable,
    PhotosFull,
    DecodingUnavailable,
    BatchFull,
    BatchClosed,
    BatchGone,
    ArchiveRefused,
    ArchiveTooLarge,
    ArchiveClosed,
    PieceMisplaced,
)
# What the web server refuses before a call sees it.
_OF_SERVER = ("request_too_slow", "too_busy", "unavailable")
ERROR_CODES = (*COMMON_CODES, *_OF_SERVER, *(refusal.code for refusal in _REFUSALS))


class PredictionErrorSerializer(ErrorSerializer):
    """A code for programs, a sentence for people, and for each mistaken field its sentences."""

    code = serializers.ChoiceField(ERROR_CODES)


def errors(*statuses: int) -> dict[Any, Any]:
    """The responses of these statuses, all of one shape."""
    return schema.errors(*statuses, shape=PredictionErrorSerializer)


PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait=N`: hold the answer until the prediction is finished, or N seconds (≤ 60).",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": LONGEST_KEY},
    OpenApiParameter.HEADER,
    description="Names this sending: sent again within a day, it gives the same prediction.",
)
PREFERENCE_APPLIED = answered("Preference-Applied", "`wait`, where it was waited.", 201, 202)
RETRY_AFTER = answered("Retry-After", "Seconds until the next photo is taken.", 429)
FACES = OpenApiParameter(
    "faces",
    {"type": "string", "pattern": r"^\d+(,\d+)*$"},
    description="Indexes of the faces to cover, such as `0,2`; all where it is left out.",
)
HOW = OpenApiParameter(
    "how",
    {"type": "string", "enum": list(WAYS), "default": WAYS[0]},
    description="A solid cover, or at most 8 pixels across a face.",
)
KIND = OpenApiParameter(
    "kind",
    {"type": "string", "enum": list(KINDS), "default": KINDS[0]},
    description="Faces marked with a box and their estimates, in English; or all of them covered.",
)
IMAGE: dict[Any, Any] = {(200, "image/jpeg"): OpenApiTypes.BINARY, **errors(401, 404)}
