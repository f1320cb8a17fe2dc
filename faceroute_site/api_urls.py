"""The paths below /api/v1/."""

from django.urls import path
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from predictions.api.batches import BatchViewSet
from predictions.api.views import PredictionViewSet
from training.api.model_versions import ModelVersionViewSet
from training.api.training_runs import TrainingRunViewSet

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("predictions", PredictionViewSet, basename="prediction")
router.register("batches", BatchViewSet, basename="batch")
router.register("models", ModelVersionViewSet, basename="model")
router.register("training-runs", TrainingRunViewSet, basename="training-run")

# The document and its pages are for everybody, and a key that ran out is no reason to hide them.
_PUBLIC = {
    "permission_classes": [],
    "authentication_classes": [],
    "http_method_names": ["get", "head"],
}

_schema = SpectacularAPIView.as_view(
    renderer_classes=[OpenApiJsonRenderer2, OpenApiYamlRenderer], **_PUBLIC
)
_docs = SpectacularSwaggerSplitView.as_view(
    url_name="api:schema", template_name="api_docs.html", **_PUBLIC
)

urlpatterns = [
    path("schema/", _schema, name="schema"),
    path("docs/", _docs, name="docs"),
    *router.urls,
]
