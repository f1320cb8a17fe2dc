"""The JSON of the API. The estimates are stored in their JSON form, so they pass through."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from predictions.failures import explain
from predictions.models import Face, Prediction
from training.models import ModelVersion


class BoxSerializer(serializers.Serializer[Face]):
    x = serializers.IntegerField()
    y = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class AgeSerializer(serializers.Serializer[Any]):
    years = serializers.FloatField()
    low = serializers.IntegerField(allow_null=True)
    high = serializers.IntegerField(allow_null=True)
    coverage = serializers.FloatField(allow_null=True)
    distribution = serializers.ListField(
        child=serializers.ListField(help_text="A decade's label and its share."),
    )


class ClassSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    probability = serializers.FloatField()
    probabilities = serializers.DictField(child=serializers.FloatField())


class FaceSerializer(serializers.ModelSerializer[Face]):
    box = BoxSerializer(source="*")
    age = AgeSerializer(allow_null=True)
    gender = ClassSerializer(allow_null=True)
    race = ClassSerializer(allow_null=True)

    class Meta:
        model = Face
        fields = ("index", "box", "detection_confidence", "age", "gender", "race")


class PhotoSerializer(serializers.Serializer[Prediction]):
    width = serializers.IntegerField(source="photo.width")
    height = serializers.IntegerField(source="photo.height")
    url = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, prediction: Prediction) -> str:
        return reverse(
            "api:prediction-photo", args=[prediction.pk], request=self.context.get("request")
        )


class FailureSerializer(serializers.Serializer[Prediction]):
    code = serializers.CharField()
    message = serializers.CharField()


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    model_version = serializers.CharField(
        source="model_version.name", default=None, allow_null=True, read_only=True
    )
    failure = serializers.SerializerMethodField()
    photo = PhotoSerializer(source="*")
    faces = FaceSerializer(many=True)

    class Meta:
        model = Prediction
        fields = (
            "id",
            "status",
            "failure",
            "model_version",
            "created_at",
            "took_ms",
            "photo",
            "faces",
        )

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, prediction: Prediction) -> dict[str, str] | None:
        if not prediction.failure_code:
            return None
        return {
            "code": prediction.failure_code,
            "message": explain(prediction.failure_code),
        }


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    fields_ = serializers.DictField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # `fields` is the name on the wire; as an attribute it belongs to the serializer itself.
        fields = super().get_fields()
        return {"fields" if name == "fields_" else name: field for name, field in fields.items()}


class BatchEntrySerializer(serializers.Serializer[Any]):
    """One photo's outcome: exactly one of `prediction` and `error` is set."""

    name = serializers.CharField()
    prediction = PredictionSerializer(allow_null=True)
    error = ErrorSerializer(allow_null=True)


class UploadSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(help_text="JPEG, PNG, WebP, HEIC or AVIF, as bytes.")


class BatchUploadSerializer(serializers.Serializer[Any]):
    photo = serializers.ListField(child=serializers.FileField(), allow_empty=False)


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    input_size = serializers.IntegerField(source="manifest.input_size", default=None)
    heads = serializers.SerializerMethodField()
    metrics = serializers.DictField()

    class Meta:
        model = ModelVersion
        fields = ("name", "is_active", "created_at", "input_size", "heads", "metrics")

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_heads(self, version: ModelVersion) -> list[str]:
        return list(version.manifest.get("heads", {}))
