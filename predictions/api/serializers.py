"""The JSON of the API, and its description for the OpenAPI document."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.reverse import reverse

from predictions.messages import (
    FAILURE_CODES,
    FaceWarningCode,
    WarningCode,
    explained,
    explained_quality,
    kind_of,
)
from predictions.models import Face, Prediction
from vision.attributes import AGE_BINS, ATTRIBUTES, FACE_FIELDS, SHIPPED
from vision.photos.formats import FORMAT_NAMES

from .schema import PredictionErrorSerializer


class BoxSerializer(serializers.Serializer[Face]):
    """A rectangle in pixels of the photo, origin at the top left."""

    x = serializers.IntegerField()
    y = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


@extend_schema_field(
    {
        "type": "array",
        "description": "Every decade with its share.",
        "items": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        },
        "example": [[AGE_BINS[0], 0.01], [AGE_BINS[1], 0.04]],
    }
)
class DistributionField(serializers.ListField):
    pass


class AgeSerializer(serializers.Serializer[Any]):
    """Years, and an interval that holds the true age with probability `coverage`."""

    years = serializers.FloatField()
    low = serializers.IntegerField(allow_null=True)
    high = serializers.IntegerField(allow_null=True)
    coverage = serializers.FloatField(allow_null=True)
    distribution = DistributionField()


class ClassificationSerializer(serializers.Serializer[Any]):
    """The likeliest label, its probability, and those of all labels."""

    label = serializers.CharField()  # type: ignore[assignment]
    probability = serializers.FloatField()
    probabilities = serializers.DictField(child=serializers.FloatField())


class WarningSerializer(serializers.Serializer[Any]):
    """What to know of a photo: a code for programs, a sentence for people."""

    code = serializers.ChoiceField(list(WarningCode))
    message = serializers.CharField()


class FaceWarningSerializer(serializers.Serializer[Any]):
    """What to know of a face: a code for programs, a sentence for people."""

    code = serializers.ChoiceField(list(FaceWarningCode))
    message = serializers.CharField()


class QualitySerializer(serializers.Serializer[Face]):
    """What the photo can tell of a face."""

    size = serializers.IntegerField(help_text="The width of the face in pixels of the photo.")
    sharpness = serializers.FloatField(help_text="0 to 1: how steep its edges are.")
    exposure = serializers.FloatField(help_text="0 to 1: how bright its brightest hundredth is.")
    overexposed = serializers.FloatField(help_text="0 to 1: how much of it is nothing but white.")
    turn = serializers.IntegerField(
        help_text="By how many degrees the head is turned to either side, roughly."
    )
    cut = serializers.BooleanField(help_text="Whether the photo's border cuts it.")
    reliable = serializers.BooleanField(help_text="Whether there are no warnings.")
    warnings = FaceWarningSerializer(many=True)

    def to_representation(self, instance: Face) -> Any:
        return explained_quality(instance.quality)


class EstimateField(serializers.Field[Any, Any, Any, Any]):
    """What was said of a face's attribute of the field's name; it is stored in its JSON form."""

    def get_attribute(self, instance: Face) -> Any:
        return instance.estimate(str(self.field_name))

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(AgeSerializer(allow_null=True))
class AgeField(EstimateField):
    pass


@extend_schema_field(ClassificationSerializer(allow_null=True))
class ClassificationField(EstimateField):
    pass


@extend_schema_field(serializers.DictField(child=ClassificationSerializer(allow_null=True)))
class OtherAttributesField(EstimateField):
    """The estimates of attributes that have no place of their own; absent where there are none."""

    def get_attribute(self, instance: Face) -> Any:
        others = [name for name in ATTRIBUTES if name not in SHIPPED]
        if not others:
            raise SkipField
        return {name: instance.estimate(name) for name in others}


@extend_schema_field(serializers.DictField(child=serializers.JSONField(), allow_null=True))
class CorrectionField(serializers.Field[Any, Any, Any, Any]):
    """What the sender says the labels are, by attribute; null where they say nothing, and absent
    of a face that is not kept."""

    def get_attribute(self, instance: Face) -> Any:
        if instance.pk is None:
            raise SkipField
        correction = getattr(instance, "correction", None)
        return correction and correction.named

    def to_representation(self, value: Any) -> Any:
        return value


class FaceSerializer(serializers.ModelSerializer[Face]):
    """One face; an estimate is null where its head is switched off or absent from the model, or
    where the photo cannot tell: `quality.warnings` says why. `quality` is null of a face that was
    found before it was measured."""

    box = BoxSerializer(source="*")
    quality = QualitySerializer(source="*", allow_null=True, read_only=True)
    age = AgeField()
    gender = ClassificationField()
    race = ClassificationField()
    attributes = OtherAttributesField(
        required=False,
        help_text="Further attributes by name, where the models of the site have any.",
    )

    correction = CorrectionField(
        required=False,
        help_text="What its sender says is right, by attribute; null where nothing was said.",
    )

    class Meta:
        model = Face
        fields = (*FACE_FIELDS, *SHIPPED, "attributes", "correction")


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
    code = serializers.ChoiceField(FAILURE_CODES)
    message = serializers.CharField()


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    """`model_version` and `took_ms` are null until it is done, `failure` unless it failed."""

    model_version = serializers.CharField(
        source="model_version.name", default=None, allow_null=True, read_only=True
    )
    photo = PhotoSerializer(source="*")
    warnings = serializers.SerializerMethodField()
    faces = FaceSerializer(many=True)
    failure = serializers.SerializerMethodField()

    class Meta:
        model = Prediction
        fields: tuple[str, ...] = (
            "id",
            "status",
            "model_version",
            "created_at",
            "took_ms",
            "photo",
            "warnings",
            "faces",
            "failure",
        )
        read_only_fields = fields

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, prediction: Prediction) -> list[dict[str, str]]:
        return explained(prediction.photo.warnings)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, prediction: Prediction) -> dict[str, str] | None:
        if not prediction.failure_code:
            return None
        return {"code": kind_of(prediction.failure_code), "message": prediction.failure}


class BatchEntrySerializer(serializers.Serializer[Any]):
    """One photo's outcome: exactly one of `prediction` and `error` is set."""

    name = serializers.CharField(help_text="The name of the file sent.")
    prediction = PredictionSerializer(allow_null=True)
    error = PredictionErrorSerializer(allow_null=True)


class UploadSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(help_text=f"As bytes: {FORMAT_NAMES}.")


class BatchUploadSerializer(serializers.Serializer[Any]):
    photo = serializers.ListField(child=serializers.FileField(), min_length=1)
