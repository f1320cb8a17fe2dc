"""The paths below /api/v1/."""

from csp.decorators import csp_update
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from .views import ModelVersionViewSet, PredictionViewSet

app_name = "api"

router = SimpleRouter(use_regex_path=True)
router.register("predictions", PredictionViewSet, basename="prediction")
router.register("models", ModelVersionViewSet, basename="model")

# Swagger UI's page has a style element of its own; its scripts are files.
_docs = csp_update({"style-src": ["'unsafe-inline'"]})(
    SpectacularSwaggerSplitView.as_view(url_name="api:schema", permission_classes=[])
)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("docs/", _docs, name="docs"),
    *router.urls,
]
