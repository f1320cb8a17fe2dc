"""Model versions: which there are, which one serves, and their figures."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from training.exams import exam_store
from training.models import ModelVersion

from .pagination import NewestFirst
from .schema import errors


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A version and its figures on the held-back test split of its dataset and on the exam."""

    input_size = serializers.IntegerField(
        source="manifest.input_size", default=None, allow_null=True, read_only=True
    )
    heads = serializers.SerializerMethodField()
    metrics = serializers.DictField()
    exam = serializers.SerializerMethodField(
        help_text="On the frozen images that every version is scored on; null: not examined."
    )

    class Meta:
        model = ModelVersion
        fields = ("name", "is_active", "created_at", "input_size", "heads", "metrics", "exam")
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_heads(self, version: ModelVersion) -> list[str]:
        return sorted(version.manifest.get("heads", {}))  # PostgreSQL keeps keys in its own order

    @extend_schema_field({"type": "object", "nullable": True})
    def get_exam(self, version: Any) -> dict[str, Any] | None:
        figures: dict[str, Any] | None = version.exam_figures
        return figures and {**self.context["exam"], **figures}


@extend_schema_view(
    list=extend_schema(responses={200: ModelVersionSerializer(many=True), **errors(400, 401)})
)
class ModelVersionViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[ModelVersion]):
    """The model versions there are, newest first, with their figures."""

    queryset = ModelVersion.objects.all()
    serializer_class = ModelVersionSerializer
    pagination_class = NewestFirst
    filter_backends = ()

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return exam_store.with_figures(super().get_queryset())

    def get_serializer_context(self) -> dict[str, Any]:
        exam = exam_store.current_exam()
        return {
            **super().get_serializer_context(),
            "exam": exam_store.facts_of(exam) if exam else {},
        }

    @extend_schema(responses={200: ModelVersionSerializer, **errors(401, 404)})
    @action(detail=False, pagination_class=None)
    def active(self, request: Request) -> Response:
        """The version that serves now."""
        version = self.get_queryset().filter(is_active=True).first()
        if version is None:
            raise NotFound(_("No model version is active yet."))
        return Response(self.get_serializer(version).data)
