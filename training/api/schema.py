"""What the OpenAPI document says of any call beyond what its code shows."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """A code for programs, a sentence for people, and for each mistaken field its sentences."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


def errors(*statuses: int) -> dict[Any, Any]:
    """The responses of these statuses, all of one shape."""
    return dict.fromkeys(statuses, ErrorSerializer)


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
