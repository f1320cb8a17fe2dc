"""The REST calls. Each parses, calls one function of the domain and answers."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError as InvalidChoice
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.access import Owner
from predictions.comparison import compare
from predictions.images import face_crop_response, photo_response
from predictions.models import Prediction, Status
from predictions.pictures import annotated_response, anonymised_response
from predictions.receipts import LONGEST_KEY, key_of_one
from predictions.searching import key_of as key_of_batch
from predictions.uploads import UploadRefused, accept_photo, delete_prediction, rerun
from predictions.waiting import preferred_wait, waiting_of
from predictions.worth import worth_by
from training.api.pagination import NewestFirst
from training.api.parsing import FilesParser
from training.api.schema import LOCATION
from vision.errors import PhotoError

from . import schema
from .detail_serializers import (
    ComparisonSerializer,
    FaceAccuracySerializer,
    PredictionDetailSerializer,
    accuracy_of,
)
from .error_responses import RequestTooLarge, TooManyPhotos, entry_error
from .filters import PredictionFilter
from .serializers import (
    BatchEntrySerializer,
    BatchUploadSerializer,
    PredictionSerializer,
    UploadSerializer,
)

# Bytes of multipart boundaries and headers around a photo.
_ENVELOPE = 64 * 1024


class ImageNegotiation(DefaultContentNegotiation):
    """An image is a JPEG and its errors are JSON, whatever the request says it accepts."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)


@extend_schema_view(
    list=extend_schema(
        description="The caller's own predictions, newest first.",
        responses={200: PredictionSerializer(many=True), **schema.errors(400, 401)},
    ),
    retrieve=extend_schema(
        description="One prediction, whatever its state.",
        responses={200: PredictionDetailSerializer, **schema.errors(401, 404)},
    ),
    destroy=extend_schema(
        description="Delete a prediction for good, and its photo with the photo's last one.",
        responses={204: None, **schema.errors(401, 404)},
    ),
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
    parser_classes = (FilesParser,)
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Prediction]:
        asked = self.request.query_params.get("batch", "")  # whose batch index finds it
        batch = key_of_batch(asked) if self.action == "list" else None
        found = self._owner().predictions(batch).select_related("photo", "model_version")
        return found.prefetch_related("faces__correction")

    def get_serializer_class(self) -> Any:
        alone = self.action in {"create", "retrieve", "rerun"}
        return PredictionDetailSerializer if alone else PredictionSerializer

    def perform_destroy(self, instance: Prediction) -> None:
        delete_prediction(instance)

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        parameters=[
            schema.PREFER,
            schema.IDEMPOTENCY_KEY,
            schema.PREFERENCE_APPLIED,
            LOCATION,
            schema.RETRY_AFTER,
        ],
        responses={
            201: PredictionDetailSerializer,
            202: PredictionDetailSerializer,
            **schema.errors(400, 401, 408, 410, 413, 415, 422, 429, 503),
        },
    )
    def create(self, request: Request) -> Response:
        """Send one photo. 202 with the waiting prediction, or 201 with the finished one."""
        waiting = waiting_of(request)
        if waiting.prediction is None:
            sent = accept_photo(self._owner(), _only_file(request), key_of(request))
            waiting.until_finished(sent.pk, preferred_wait(request))
            return self._answer(sent, 202)
        prediction = self.get_queryset().get(pk=waiting.prediction)
        response = self._answer(prediction, 201 if prediction.is_finished else 202)
        response["Preference-Applied"] = "wait"
        return response

    @extend_schema(
        request={"multipart/form-data": BatchUploadSerializer},
        parameters=[schema.IDEMPOTENCY_KEY],
        responses={
            202: BatchEntrySerializer(many=True),
            **schema.errors(400, 401, 408, 413, 415, 503),
        },
    )
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def batch(self, request: Request) -> Response:
        """Send several photos; each has its own outcome, in the order sent."""
        files = files_of(request, at_most=settings.PHOTOS_PER_UPLOAD)
        key = key_of(request)
        entries = [self._accept(file, key_of_one(key, file)) for file in files]
        return Response(entries, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        request=None,
        parameters=[LOCATION, schema.RETRY_AFTER],
        responses={202: PredictionDetailSerializer, **schema.errors(401, 404, 429)},
    )
    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, pk: UUID) -> Response:
        """Predict the same photo again, with the version that is active now."""
        return self._answer(rerun(self.get_object(), by=self._owner()), 202)

    @extend_schema(responses={200: FaceAccuracySerializer(many=True), **schema.errors(401, 404)})
    @action(detail=True, pagination_class=None, filterset_class=None)
    def accuracy(self, request: Request, pk: UUID) -> Response:
        """How often the version was right in its test where it said the same as of each face."""
        prediction = self.get_object()
        worth = worth_by(prediction.model_version)
        return Response([accuracy_of(face, worth) for face in prediction.faces.all()])

    @extend_schema(responses={200: ComparisonSerializer, **schema.errors(401, 404)})
    @action(detail=True, url_path="compared-with/<uuid:other>")
    def compared(self, request: Request, pk: UUID, other: UUID) -> Response:
        """Two finished results of one photo, the earlier one first. 404 until both are done."""
        one = self.get_object()
        done = self.get_queryset().filter(status=Status.DONE, photo=one.photo_id)
        both = [get_object_or_404(done, pk=key) for key in (pk, other)]
        return Response(ComparisonSerializer(compare(*both)).data)

    @extend_schema(responses=schema.IMAGE)
    @action(detail=True, content_negotiation_class=ImageNegotiation)
    def photo(self, request: Request, pk: UUID) -> HttpResponse:
        """The photo, as it is kept: upright, without metadata."""
        return photo_response(self.get_object().photo.image)

    @extend_schema(responses=schema.IMAGE)
    @action(detail=True, content_negotiation_class=ImageNegotiation)
    def annotated(self, request: Request, pk: UUID) -> HttpResponse:
        """The photo with a box around every face and its estimates beside it, in English."""
        return annotated_response(self.get_object())

    @extend_schema(
        parameters=[schema.FACES, schema.HOW], responses={**schema.IMAGE, **schema.errors(400)}
    )
    @action(detail=True, content_negotiation_class=ImageNegotiation)
    def anonymised(self, request: Request, pk: UUID) -> HttpResponse:
        """The photo with faces covered for good. Faces that were not found stay visible."""
        try:
            return anonymised_response(self.get_object(), request.query_params)
        except InvalidChoice as error:
            raise ValidationError(error.message_dict) from None

    @extend_schema(responses=schema.IMAGE)
    @action(
        detail=True,
        url_path="faces/<int:index>/crop",
        content_negotiation_class=ImageNegotiation,
    )
    def crop(self, request: Request, pk: UUID, index: int) -> HttpResponse:
        """The part of the photo around one face."""
        prediction = self.get_object()
        face = get_object_or_404(prediction.faces, index=index)
        return face_crop_response(prediction.photo, face)

    def _owner(self) -> Owner:
        return Owner(user_id=self.request.user.pk)

    def _answer(self, prediction: Prediction, code: int) -> Response:
        location = self.reverse_action("detail", args=[prediction.pk])
        body = self.get_serializer(prediction).data
        return Response(body, status=code, headers={"Location": location})

    def _accept(self, file: "UploadedFile[bytes]", key: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": file.name or "", "prediction": None, "error": None}
        try:
            prediction = accept_photo(self._owner(), file, key)
        except (PhotoError, UploadRefused) as error:
            entry["error"] = entry_error(error)
        else:
            entry["prediction"] = self.get_serializer(prediction).data
        return entry


def files_of(request: Request, *, at_most: int) -> "list[UploadedFile[bytes]]":
    """The photos of a multipart request, one at least; a body that is too large stays unread."""
    if _content_length(request) > at_most * (settings.PHOTO_MAX_BYTES + _ENVELOPE):
        raise RequestTooLarge
    files: list[UploadedFile[bytes]] = request.FILES.getlist("photo")
    if not files:
        message = _("Please send the photo itself, as a file in the field “photo”.")
        raise ValidationError({"photo": [message]})
    if len(files) > settings.PHOTOS_PER_UPLOAD:
        raise TooManyPhotos
    return files


def _only_file(request: Request) -> "UploadedFile[bytes]":
    file, *others = files_of(request, at_most=1)
    if others:
        message = _("Please send one photo. Several go to “predictions/batch/”.")
        raise ValidationError({"photo": [message]})
    return file


def key_of(request: Request) -> str:
    """The key that names what a request sends; empty where it has none."""
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY:
        message = _("The Idempotency-Key may have at most %(most)d characters.")
        raise ValidationError({"Idempotency-Key": [message % {"most": LONGEST_KEY}]})
    return key


def _content_length(request: Request) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
