"""The JSON of batches, and its description for the OpenAPI document."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.batches.models import Archive, ArchiveState, Batch, RefusedPhoto
from predictions.batches.progress import Progress, archive_figures, failure_of, progress_of
from predictions.batches.results import Place
from predictions.batches.steering import LONGEST_NAME
from predictions.exports import KINDS
from predictions.models import Prediction

from .serializers import PredictionSerializer


class NewBatchSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(
        max_length=LONGEST_NAME, required=False, allow_blank=True, default=""
    )


class RenamedBatchSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=LONGEST_NAME)


class BatchCountsSerializer(serializers.Serializer[Any]):
    """How many photos are in each state; each is in one."""

    waiting = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="Files that are no usable photo.")
    cancelled = serializers.IntegerField()


class BatchFiguresSerializer(serializers.Serializer[Progress]):
    state = serializers.ChoiceField(["empty", "running", "paused", "cancelled", "done"])
    counts = BatchCountsSerializer()
    photos = serializers.IntegerField(help_text="All but the refused.")
    faces = serializers.IntegerField(help_text="Found so far.")
    rate_per_minute = serializers.FloatField(help_text="Photos finished within the last minute.")
    seconds_left = serializers.IntegerField(
        allow_null=True, help_text="At that rate; null where nothing tells."
    )


class BatchSerializer(serializers.ModelSerializer[Batch]):
    """Photos under one name. It goes with its last photo, at `expires_at` at the latest."""

    class Meta:
        model = Batch
        fields = ("id", "name", "created_at", "expires_at")
        read_only_fields = fields


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class NewArchiveSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    bytes = serializers.IntegerField(min_value=1, max_value=2**53)


class OffsetSerializer(serializers.Serializer[Any]):
    offset = serializers.IntegerField(min_value=0, max_value=2**53)


class ArchiveSerializer(serializers.Serializer[Any]):
    """A zip on its way to a batch, or in it. Pieces have `piece_bytes` each; the next one begins at
    `received`."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    bytes = serializers.IntegerField()
    piece_bytes = serializers.IntegerField()
    received = serializers.IntegerField()
    state = serializers.ChoiceField(["waiting", *ArchiveState.values])
    entries = serializers.IntegerField(help_text="The files in it; 0 until it is opened.")
    unpacked = serializers.IntegerField(help_text="How many of them are through.")
    continues_at = serializers.DateTimeField(allow_null=True)
    failure = ReasonSerializer(allow_null=True)

    def to_representation(self, instance: Archive) -> Any:
        return super().to_representation(archive_figures(instance))


class PlaceField(serializers.CharField):
    """Where a page of results begins; only what an answer's `next` has makes sense."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return Place.of(super().to_internal_value(data))
        except ValueError:
            message = _("This cursor is not valid. Please follow the link “next”.")
            raise serializers.ValidationError(message) from None


class ResultsQuerySerializer(serializers.Serializer[Any]):
    """What results are asked for; `limit` and `cursor` are about JSON alone."""

    format = serializers.ChoiceField(["json", *KINDS], default="json")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)
    cursor = PlaceField(default=None, help_text="Part of `next`.")


class ResultSerializer(serializers.Serializer[Any]):
    """A photo's result, or why a file was refused: exactly one of `prediction` and `error` is
    set."""

    name = serializers.CharField(help_text="The name of the file sent.")
    prediction = PredictionSerializer(allow_null=True)
    error = ReasonSerializer(allow_null=True)

    def to_representation(self, instance: Prediction | RefusedPhoto) -> Any:
        if isinstance(instance, RefusedPhoto):
            return {"name": instance.name, "prediction": None, "error": failure_of(instance)}
        told = PredictionSerializer(instance, context=self.context).data
        return {"name": instance.photo.name, "prediction": told, "error": None}


class ResultPageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    results = ResultSerializer(many=True)


class LabelTotalSerializer(serializers.Serializer[Any]):
    """How many faces were estimated to have a label, and between what numbers the true one lies
    with 95% where the model errs as often as on its test images; null where that is not known."""

    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()
    low = serializers.IntegerField(allow_null=True)
    high = serializers.IntegerField(allow_null=True)


class TotalsSerializer(serializers.Serializer[Any]):
    """The totals of an attribute; those of ages are by groups of twenty years."""

    attribute = serializers.CharField()
    faces = serializers.IntegerField(help_text="For which it was estimated.")
    unknown = serializers.IntegerField(help_text="For which it was not: the photo cannot tell.")
    labels = LabelTotalSerializer(many=True)
    versions = serializers.DictField(
        child=serializers.IntegerField(allow_null=True),
        help_text="The model versions, and on how many test images it is known how often each "
        "errs; null where it is not.",
    )


class BatchProgressSerializer(BatchSerializer):
    """A batch, and how far it is."""

    progress = serializers.SerializerMethodField()
    archives = ArchiveSerializer(many=True)

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "progress", "archives")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    @extend_schema_field(BatchFiguresSerializer)
    def get_progress(self, batch: Batch) -> dict[str, Any]:
        data: dict[str, Any] = BatchFiguresSerializer(progress_of(batch)).data
        return data
