"""Training runs: asked for and watched by administrators."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from training.models import Dataset, ModelVersion, TrainingRun
from training.runs.trainings import request_training
from vision.attributes import ATTRIBUTES
from vision.training.known_recipes import CHANGEABLE, RECIPES, named

from .pagination import NewestFirst
from .parsing import DocumentParser
from .schema import LOCATION, errors

# Asks for a version to serve whatever the gate says.
EVEN_IF_WORSE = "even-if-worse"


class ProgressSerializer(serializers.Serializer[TrainingRun]):
    """Images or batches of the present phase; 0 of 0 before there is one."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()


class HistoryField(serializers.DictField):
    """Phase → for every epoch: head → its figures."""

    child = serializers.ListField(
        child=serializers.DictField(child=serializers.DictField(child=serializers.FloatField()))
    )


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    """A run. `backbone` is the version whose backbone the heads are trained on or that a backbone's
    training began with, `model_version` the one that was made; null where there is none."""

    progress = ProgressSerializer(source="*")
    recipe = serializers.DictField()
    dataset = serializers.CharField(source="dataset.name")
    trunk = serializers.CharField(source="backbone.name", default=None, allow_null=True)
    history = HistoryField()
    message = serializers.CharField(
        source="sentence", help_text="How it ended, in the language of `Accept-Language`."
    )
    model_version = serializers.CharField(source="version.name", default=None, allow_null=True)
    waits_for_decision = serializers.BooleanField(
        help_text="It was to serve, and something speaks against it, which the message says."
    )

    class Meta:
        model = TrainingRun
        fields = (
            "id",
            "state",
            "phase",
            "progress",
            "recipe",
            "dataset",
            "trunk",
            "history",
            "message",
            "model_version",
            "waits_for_decision",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


@extend_schema_field({"oneOf": [{"type": "boolean"}, {"type": "string", "enum": [EVEN_IF_WORSE]}]})
class ActivationField(serializers.BooleanField):
    """true, false or "even-if-worse", which stays as it is."""

    def to_internal_value(self, data: Any) -> Any:
        return data if data == EVEN_IF_WORSE else super().to_internal_value(data)


class NewTrainingRunSerializer(serializers.Serializer[Any]):
    """What is left out is as the recipe has it. `trunk` is the version whose backbone the heads are
    trained on, or whose weights a backbone's training begins with: the active one if left out, and
    none (random weights) for a recipe that trains from scratch."""

    dataset = serializers.SlugRelatedField(slug_field="name", queryset=Dataset.objects.all())
    recipe = serializers.ChoiceField(choices=list(RECIPES))
    trunk = serializers.SlugRelatedField(
        slug_field="name", queryset=ModelVersion.objects.all(), required=False, allow_null=True
    )
    heads = serializers.MultipleChoiceField(
        choices=list(ATTRIBUTES), allow_empty=False, required=False
    )
    epochs = serializers.IntegerField(required=False)
    learning_rate = serializers.FloatField(required=False)
    unfreeze = serializers.ChoiceField(choices=["none", "block5"], required=False)
    seed = serializers.IntegerField(required=False)
    activate = ActivationField(
        default=False,
        help_text="Let the new version serve as soon as it is made, unless something speaks "
        f"against it; with {EVEN_IF_WORSE!r}, whatever does.",
    )


@extend_schema_view(
    list=extend_schema(
        description="All training runs, newest first.",
        responses={200: TrainingRunSerializer(many=True), **errors(400, 401, 403)},
    ),
    retrieve=extend_schema(
        description="One training run, with the figures of every epoch so far.",
        responses={200: TrainingRunSerializer, **errors(401, 403, 404)},
    ),
)
class TrainingRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TrainingRun]
):
    """Training runs, newest first; for administrators."""

    queryset = TrainingRun.objects.select_related("dataset", "backbone", "version").defer(
        "log", "backbone__manifest", "backbone__report", "version__manifest", "version__report"
    )
    serializer_class = TrainingRunSerializer
    permission_classes = (IsAdminUser,)
    parser_classes = (DocumentParser,)
    pagination_class = NewestFirst
    filter_backends = ()
    lookup_value_converter = "int"

    @extend_schema(
        request=NewTrainingRunSerializer,
        parameters=[LOCATION],
        responses={202: TrainingRunSerializer, **errors(400, 401, 403, 409, 415)},
    )
    def create(self, request: Request) -> Response:
        """Start a training. 409 while another is going, or where images or room are lacking."""
        asked = NewTrainingRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        changes = {name: wanted.get(name) for name in CHANGEABLE}
        run = request_training(
            wanted["dataset"],
            named(wanted["recipe"], **changes),
            backbone=wanted.get("trunk"),
            activate=bool(wanted["activate"]),
            even_if_worse=wanted["activate"] == EVEN_IF_WORSE,
            user=request.user,
        )
        location = self.reverse_action("detail", args=[run.pk])
        body = self.get_serializer(run).data
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": location})
