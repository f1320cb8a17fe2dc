"""What the OpenAPI document says of the calls about predictions beyond what their code shows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from training.api.schema import answered, errors

PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait=N`: hold the answer until the prediction is finished, or N seconds (≤ 60).",
)
PREFERENCE_APPLIED = answered("Preference-Applied", "`wait`, where it was waited.", 201, 202)
RETRY_AFTER = answered("Retry-After", "Seconds until the next photo is taken.", 429)
IMAGE: dict[Any, Any] = {(200, "image/jpeg"): OpenApiTypes.BINARY, **errors(401, 404)}
