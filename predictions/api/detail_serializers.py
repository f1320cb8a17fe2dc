"""The JSON of what the API says of one prediction alone."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.comparison import Comparison, FacePair, value_of
from predictions.models import Face, Prediction
from predictions.queue_place import place_of
from predictions.worth import Worth
from vision.attributes import ATTRIBUTES
from vision.evaluation.by_estimate import figure_of

from .serializers import PredictionSerializer


class QueueSerializer(serializers.Serializer[Any]):
    """Where an unfinished prediction stands."""

    ahead = serializers.IntegerField(help_text="How many are taken before it.")
    more_are_ahead = serializers.BooleanField(help_text="Whether it is even more than `ahead`.")
    lacks_worker = serializers.BooleanField(
        help_text="Whether it has waited for ten seconds and no worker runs that could take it."
    )


class PredictionDetailSerializer(PredictionSerializer):
    """`model_version` and `took_ms` are null until it is done, `failure` unless it failed, `queue`
    once it is either."""

    queue = serializers.SerializerMethodField()

    class Meta(PredictionSerializer.Meta):
        fields = (*PredictionSerializer.Meta.fields, "queue")
        read_only_fields = fields

    @extend_schema_field(QueueSerializer(allow_null=True))
    def get_queue(self, prediction: Prediction) -> Any:
        place = place_of(prediction)
        return place and QueueSerializer(place).data


class AccuracySerializer(serializers.Serializer[Any]):
    """How the version did in its test on the images of which it said the same."""

    group = serializers.DictField(
        child=serializers.CharField(),
        help_text="What was estimated of them, by attribute; empty where they are all images.",
    )
    n = serializers.IntegerField(help_text="How many images they are.")
    figure = serializers.CharField(
        help_text="`age_mae`, a mean error in years, or such as `gender_accuracy`, a share."
    )
    value = serializers.FloatField()
    interval = serializers.ListField(
        child=serializers.FloatField(),
        min_length=2,
        max_length=2,
        help_text="Between what values it likely lies (95%).",
    )


class FaceAccuracySerializer(serializers.Serializer[Any]):
    """What the estimates of a face are worth, by attribute; null where that is not known."""

    index = serializers.IntegerField()
    accuracy = serializers.DictField(child=AccuracySerializer(allow_null=True))


class FacePairSerializer(serializers.Serializer[FacePair]):
    """A face as two results have it: its index in each, null where one has not found it."""

    earlier = serializers.IntegerField(source="earlier.index", default=None, allow_null=True)
    later = serializers.IntegerField(source="later.index", default=None, allow_null=True)
    overlap = serializers.FloatField(help_text="Of its boxes: intersection over union, 0 to 1.")
    differs = serializers.BooleanField()
    estimates = serializers.SerializerMethodField(
        help_text="By attribute what is compared: whole years, or a label."
    )

    @extend_schema_field(serializers.DictField(child=serializers.JSONField()))
    def get_estimates(self, pair: FacePair) -> dict[str, Any]:
        return {
            name: {"earlier": value_of(pair.earlier, name), "later": value_of(pair.later, name)}
            for name in ATTRIBUTES
        }


class ComparisonSerializer(serializers.Serializer[Comparison]):
    """Two results of one photo, face by face."""

    earlier = serializers.UUIDField(source="earlier.pk")
    later = serializers.UUIDField(source="later.pk")
    differing = serializers.IntegerField(help_text="How many faces differ.")
    faces = FacePairSerializer(source="pairs", many=True)


def accuracy_of(face: Face, worth: Worth) -> dict[str, Any]:
    """A face in the shape of `FaceAccuracySerializer`."""
    return {
        "index": face.index,
        "accuracy": {name: _accuracy(face, name, worth) for name in ATTRIBUTES},
    }


def _accuracy(face: Face, attribute: str, worth: Worth) -> dict[str, Any] | None:
    group = worth.group(face, attribute) if face.estimate(attribute) else None
    if group is None:
        return None
    figure = figure_of(attribute)
    labels = {name: label for name, label in group.items() if name != "figures"}
    return {"group": labels, "figure": figure, **group["figures"][figure]}
