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
IMAGE: dict[Any, Any] = {(200, "image/jpeg"): OpenApiTypes.BINARY, **errors(401, 404)}
