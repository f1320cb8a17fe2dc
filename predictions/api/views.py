"""The REST calls. Each parses, calls one function of the domain and answers."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.access import Owner
from predictions.failures import explain
from predictions.images import face_crop_response, photo_response
from predictions.models import Prediction
from predictions.uploads import QuotaExceeded, accept_photo, delete_prediction, rerun
from training.models import ModelVersion
from vision.errors import PhotoError

from .errors import RequestTooLarge
from .filters import PredictionFilter
from .pagination import NewestFirst
from .serializers import (
    BatchEntrySerializer,
    BatchUploadSerializer,
    ErrorSerializer,
    ModelVersionSerializer,
    PredictionSerializer,
    UploadSerializer,
)
from .waiting import preferred_wait, wait_until_finished

# Multipart boundaries and headers around a photo.
_ENVELOPE = 64 * 1024

_PREFER = OpenApiParameter(
    "Prefer", str, OpenApiParameter.HEADER, description="`wait=N`: wait up to N (60) seconds."
)
_ERRORS: dict[Any, Any] = dict.fromkeys((400, 401, 413, 415, 429), ErrorSerializer)
_MISSING: dict[Any, Any] = dict.fromkeys((401, 404), ErrorSerializer)
_LIST: dict[Any, Any] = {200: PredictionSerializer, 400: ErrorSerializer, **_MISSING}


class JPEGRenderer(BaseRenderer):
    """Lets a client that asks for images alone have them; views answer with bytes already."""

    media_type = "image/jpeg"
    format = "jpg"
    charset = None
    render_style = "binary"

    def render(self, data: Any, *_args: Any, **_context: Any) -> bytes:
        return JSONRenderer().render(data)


_IMAGE = {(200, "image/jpeg"): OpenApiTypes.BINARY, **_MISSING}


@extend_schema_view(
    list=extend_schema(
        responses={200: PredictionSerializer, **dict.fromkeys((400, 401, 404), ErrorSerializer)}
    ),
    retrieve=extend_schema(responses={200: PredictionSerializer, **_MISSING}),
    destroy=extend_schema(responses={204: None, **_MISSING}),
)
class PredictionViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Prediction],
):
    """The caller's own predictions, newest first."""

    queryset = Prediction.objects.none()
    serializer_class = PredictionSerializer
    filterset_class = PredictionFilter
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser,)
    lookup_value_regex = "[0-9a-f-]{36}"

    def get_queryset(self) -> QuerySet[Prediction]:
        return (
            self._owner()
            .predictions()
            .select_related("photo", "model_version")
            .prefetch_related("faces")
        )

    def perform_destroy(self, instance: Prediction) -> None:
        delete_prediction(instance)

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        parameters=[_PREFER],
        responses={201: PredictionSerializer, 202: PredictionSerializer, **_ERRORS},
    )
    def create(self, request: Request) -> Response:
        """Send one photo. 202 with the waiting prediction, or 201 with the finished one."""
        _check_length(request, photos=1)
        prediction = accept_photo(self._owner(), _files(request)[0])
        wait = preferred_wait(request.headers.get("Prefer", ""))
        finished = bool(wait) and wait_until_finished(prediction, wait)
        response = self._answer(prediction, 201 if finished else 202)
        if wait:
            response["Preference-Applied"] = f"wait={wait}"
        return response

    @extend_schema(
        request={"multipart/form-data": BatchUploadSerializer},
        responses={202: BatchEntrySerializer(many=True), **_ERRORS},
    )
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def batch(self, request: Request) -> Response:
        """Send several photos; each has its own outcome, in the order sent."""
        _check_length(request, photos=settings.PHOTOS_PER_UPLOAD)
        files = _files(request)
        if len(files) > settings.PHOTOS_PER_UPLOAD:
            raise ValidationError(
                {
                    "photo": _("Please send at most %(limit)d photos at once.")
                    % {"limit": settings.PHOTOS_PER_UPLOAD}
                }
            )
        entries = [self._accept(file) for file in files]
        return Response(entries, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: PredictionSerializer, **_MISSING})
    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, pk: str) -> Response:
        """Predict the same photo again, with the version that is active now."""
        return self._answer(rerun(self.get_object()), 202)

    @extend_schema(responses=_IMAGE)
    @action(detail=True, renderer_classes=[JSONRenderer, JPEGRenderer])
    def photo(self, request: Request, pk: str) -> HttpResponse:
        """The photo, as it is kept: upright, without metadata."""
        return photo_response(self.get_object().photo.image)

    @extend_schema(
        parameters=[OpenApiParameter("index", int, OpenApiParameter.PATH)], responses=_IMAGE
    )
    @action(
        detail=True,
        url_path="faces/(?P<index>[0-9]{1,4})/crop",
        renderer_classes=[JSONRenderer, JPEGRenderer],
    )
    def crop(self, request: Request, pk: str, index: str) -> HttpResponse:
        """The part of the photo around one face."""
        prediction = self.get_object()
        face = get_object_or_404(prediction.faces, index=int(index))
        return face_crop_response(prediction.photo, face)

    def _owner(self) -> Owner:
        return Owner(user_id=self.request.user.pk)

    def _answer(self, prediction: Prediction, code: int) -> Response:
        body = self.get_serializer(self.get_queryset().get(pk=prediction.pk)).data
        response = Response(body, status=code)
        response["Location"] = self.reverse_action("detail", args=[prediction.pk])
        return response

    def _accept(self, file: "UploadedFile[bytes]") -> dict[str, Any]:
        entry: dict[str, Any] = {"name": file.name or "", "prediction": None, "error": None}
        try:
            prediction = accept_photo(self._owner(), file)
        except (PhotoError, QuotaExceeded) as error:
            entry["error"] = {"code": error.code, "message": _explain(error)}
        else:
            entry["prediction"] = self.get_serializer(prediction).data
        return entry


@extend_schema_view(list=extend_schema(responses={200: ModelVersionSerializer, **_MISSING}))
class ModelVersionViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[ModelVersion]):
    """The model versions there are, with their figures."""

    queryset = ModelVersion.objects.all()
    serializer_class = ModelVersionSerializer
    pagination_class = NewestFirst
    filter_backends = ()

    @extend_schema(responses={200: ModelVersionSerializer, **_MISSING})
    @action(detail=False, pagination_class=None)
    def active(self, request: Request) -> Response:
        """The version that serves now."""
        version = ModelVersion.objects.filter(is_active=True).first()
        if version is None:
            raise Http404
        return Response(self.get_serializer(version).data)


def _explain(error: PhotoError | QuotaExceeded) -> str:
    return str(error) if isinstance(error, QuotaExceeded) else explain(error.code)


def _check_length(request: Request, *, photos: int) -> None:
    """Refuse a body that cannot be right before a byte of it is read."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > photos * (settings.PHOTO_MAX_BYTES + _ENVELOPE):
        raise RequestTooLarge


def _files(request: Request) -> "list[UploadedFile[bytes]]":
    files: list[UploadedFile[bytes]] = request.FILES.getlist("photo")
    if not files:
        raise ValidationError(
            {"photo": _("Please send the photo itself, as a file in the field “photo”.")}
        )
    return files
