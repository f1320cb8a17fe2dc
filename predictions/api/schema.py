"""What the OpenAPI document says of the calls beyond what their code shows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from .serializers import ErrorSerializer


def errors(*statuses: int) -> dict[Any, Any]:
    """The responses of these statuses, all of one shape."""
    return dict.fromkeys(statuses, ErrorSerializer)


def _answered(name: str, description: str, *statuses: int) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        str,
        OpenApiParameter.HEADER,
        description=description,
        response=[str(status) for status in statuses],
    )


PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait=N`: hold the answer until the prediction is finished, or N seconds (≤ 60).",
)
PREFERENCE_APPLIED = _answered("Preference-Applied", "`wait`, where it was waited.", 201, 202)
LOCATION = _answered("Location", "Where it is found from now on.", 201, 202)
RETRY_AFTER = _answered("Retry-After", "Seconds until the next photo is taken.", 429)
IMAGE: dict[Any, Any] = {(200, "image/jpeg"): OpenApiTypes.BINARY, **errors(401, 404)}
