"""What the OpenAPI document says of any call beyond what its code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from training.runs.trainings import TrainingRefused
from vision.training.recipe import RecipeInvalid

# What any call may be refused with; docs/user/api.md says when.
COMMON_CODES = (
    "invalid",
    "parse_error",
    "bad_request",
    "not_authenticated",
    "authentication_failed",
    "permission_denied",
    "not_found",
    "method_not_allowed",
    "not_acceptable",
    "unsupported_media_type",
    "internal_error",
)
ERROR_CODES = (*COMMON_CODES, RecipeInvalid.code, TrainingRefused.code)


class ErrorSerializer(serializers.Serializer[Any]):
    """A code for programs, a sentence for people, and for each mistaken field its sentences."""

    code = serializers.ChoiceField(ERROR_CODES)
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


def errors(
    *statuses: int, shape: type[serializers.Serializer[Any]] = ErrorSerializer
) -> dict[Any, Any]:
    """The responses of these statuses, all of one shape."""
    return dict.fromkeys(statuses, shape)


def answered(name: str, description: str, *statuses: int) -> OpenApiParameter:
    """A header of the answers of these statuses."""
    return OpenApiParameter(
        name,
        str,
        OpenApiParameter.HEADER,
        description=description,
        response=[str(status) for status in statuses],
    )


LOCATION = answered("Location", "Where it is found from now on.", 201, 202)
