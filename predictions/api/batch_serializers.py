"""The JSON of batches, and its description for the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.batches.models import Batch
from predictions.batches.progress import Progress, progress_of
from predictions.batches.steering import LONGEST_NAME


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


class BatchProgressSerializer(BatchSerializer):
    """A batch, and how far it is."""

    progress = serializers.SerializerMethodField()

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "progress")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    @extend_schema_field(BatchFiguresSerializer)
    def get_progress(self, batch: Batch) -> dict[str, Any]:
        data: dict[str, Any] = BatchFiguresSerializer(progress_of(batch)).data
        return data
