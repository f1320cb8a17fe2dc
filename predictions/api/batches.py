"""The REST calls about batches. Each parses, calls one function of the domain and answers."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError as InvalidChoice
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.access import Owner
from predictions.batches import deletion, steering
from predictions.batches.archives import announce, receive
from predictions.batches.file_names import stem_of
from predictions.batches.joining import BatchRefused
from predictions.batches.models import Batch
from predictions.batches.pictures import pictures_response
from predictions.batches.results import page, rows
from predictions.batches.sending import send_photo
from predictions.batches.totals import totals_of
from predictions.exports import table_response
from predictions.pictures import drawing_of
from predictions.receipts import key_of_one
from predictions.uploads import UploadRefused
from training.api.pagination import NewestFirst
from training.api.parsing import DocumentParser, FilesParser
from training.api.schema import LOCATION
from vision.errors import PhotoError

from . import schema
from .batch_serializers import (
    ArchiveSerializer,
    BatchProgressSerializer,
    BatchSerializer,
    NewArchiveSerializer,
    NewBatchSerializer,
    OffsetSerializer,
    RenamedBatchSerializer,
    ResultPageSerializer,
    ResultSerializer,
    ResultsQuerySerializer,
    TotalsSerializer,
)
from .error_responses import entry_error
from .serializers import BatchEntrySerializer, BatchUploadSerializer, PredictionSerializer
from .views import ImageNegotiation, files_of, key_of

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OFFSET = OpenApiParameter(
    "offset",
    {"type": "integer", "minimum": 0, "maximum": 2**53},
    required=True,
    description="Where the piece begins in the zip, in bytes.",
)


class PieceParser(BaseParser):
    """The body as it is, whatever its type, as `piece`."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return {"piece": stream.read(settings.ARCHIVE_PIECE_BYTES + 1)}


_RESULTS: dict[Any, Any] = {
    (200, "application/json"): ResultPageSerializer,
    (200, "text/csv"): OpenApiTypes.STR,
    (200, "application/jsonl"): OpenApiTypes.STR,
    (200, _XLSX): OpenApiTypes.BINARY,
    **schema.errors(400, 401, 404),
}
_PICTURES: dict[Any, Any] = {
    (200, "application/zip"): OpenApiTypes.BINARY,
    **schema.errors(400, 401, 404),
}
_PROGRESS: dict[Any, Any] = {200: BatchProgressSerializer, **schema.errors(401, 404)}


@extend_schema_view(
    list=extend_schema(
        description="The caller's own batches, newest first.",
        responses={200: BatchSerializer(many=True), **schema.errors(400, 401)},
    ),
    retrieve=extend_schema(description="A batch, and how far it is.", responses=_PROGRESS),
    destroy=extend_schema(
        description="Delete a batch with all its photos and results for good.",
        responses={204: None, **schema.errors(401, 404)},
    ),
)
class BatchViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Batch],
):
    """The caller's own batches, newest first."""

    queryset = Batch.objects.none()
    serializer_class = BatchProgressSerializer
    pagination_class = NewestFirst
    parser_classes = (DocumentParser,)
    filter_backends = ()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Batch]:
        return self._owner().batches()

    def get_serializer_class(self) -> Any:
        return BatchSerializer if self.action == "list" else BatchProgressSerializer

    def perform_destroy(self, instance: Batch) -> None:
        deletion.delete(instance)

    @extend_schema(
        request=NewBatchSerializer,
        parameters=[LOCATION],
        responses={201: BatchProgressSerializer, **schema.errors(400, 401, 415)},
    )
    def create(self, request: Request) -> Response:
        """Begin a batch."""
        wanted = _valid(NewBatchSerializer(data=request.data))
        batch = steering.create(self._owner(), wanted["name"])
        location = self.reverse_action("detail", args=[batch.pk])
        body = self.get_serializer(batch).data
        return Response(body, status=201, headers={"Location": location})

    @extend_schema(
        request=RenamedBatchSerializer,
        responses={200: BatchProgressSerializer, **schema.errors(400, 401, 404, 415)},
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Give a batch another name."""
        batch = self.get_object()
        steering.rename(batch, _valid(RenamedBatchSerializer(data=request.data))["name"])
        return self._told(batch)

    @extend_schema(
        request={"multipart/form-data": BatchUploadSerializer},
        parameters=[schema.IDEMPOTENCY_KEY],
        responses={
            202: BatchEntrySerializer(many=True),
            **schema.errors(400, 401, 404, 408, 413, 415, 503),
        },
    )
    @action(detail=True, methods=["post"], parser_classes=[FilesParser], pagination_class=None)
    def photos(self, request: Request, pk: UUID) -> Response:
        """Add photos to a batch; each has its own outcome, in the order sent."""
        batch = self.get_object()
        files, key = files_of(request, at_most=settings.PHOTOS_PER_UPLOAD), key_of(request)
        entries = [self._send(batch, file, key_of_one(key, file)) for file in files]
        return Response(entries, status=202)

    @extend_schema(
        request=NewArchiveSerializer,
        parameters=[LOCATION],
        responses={201: ArchiveSerializer, **schema.errors(400, 401, 404, 409, 413, 415, 503)},
    )
    @action(detail=True, methods=["post"], pagination_class=None)
    def archives(self, request: Request, pk: UUID) -> Response:
        """Begin to send a zip of photos to a batch, whose pieces follow."""
        batch = self.get_object()
        wanted = _valid(NewArchiveSerializer(data=request.data))
        archive = announce(batch, self._owner(), wanted["name"], wanted["bytes"])
        location = self.reverse_action("archive", args=[pk, archive.pk])
        body = ArchiveSerializer(archive).data
        return Response(body, status=201, headers={"Location": location})

    @extend_schema(
        description="How far a zip is.",
        responses={200: ArchiveSerializer, **schema.errors(401, 404)},
    )
    @action(detail=True, url_path="archives/<uuid:archive>", parser_classes=[PieceParser])
    def archive(self, request: Request, pk: UUID, archive: UUID) -> Response:
        found = get_object_or_404(self.get_object().archives, pk=archive)
        return Response(ArchiveSerializer(found).data)

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[_OFFSET],
        responses={
            200: ArchiveSerializer,
            **schema.errors(400, 401, 404, 408, 409, 413, 503),
        },
    )
    @archive.mapping.put
    def add_piece(self, request: Request, pk: UUID, archive: UUID) -> Response:
        """Add the bytes of a zip from `offset` on; sent once more they change nothing."""
        found = get_object_or_404(self.get_object().archives, pk=archive)
        offset = _valid(OffsetSerializer(data=request.query_params))["offset"]
        sent: Any = request.data  # of a body without bytes it is empty
        receive(found, offset, sent.get("piece", b""))
        found.refresh_from_db()
        return Response(ArchiveSerializer(found).data)

    @extend_schema(parameters=[ResultsQuerySerializer], responses=_RESULTS)
    @action(detail=True, content_negotiation_class=ImageNegotiation, pagination_class=None)
    def results(self, request: Request, pk: UUID) -> HttpResponseBase:
        """What came out, in the order of sending: in pages as JSON, or whole as one table."""
        batch = self.get_object()
        query = ResultsQuerySerializer(data=request.query_params)
        wanted = _valid(query)
        if wanted["format"] != "json":
            return table_response(rows(batch), stem_of(batch), wanted["format"])
        found, more = page(batch, wanted["cursor"], wanted["limit"])
        following = {**request.query_params.dict(), "cursor": str(more)}
        address = request.build_absolute_uri(f"?{urlencode(following)}")
        entries = ResultSerializer(found, many=True, context={"request": request}).data
        return Response({"next": address if more else None, "results": entries})

    @extend_schema(parameters=[schema.KIND, schema.HOW], responses=_PICTURES)
    @action(detail=True, content_negotiation_class=ImageNegotiation, pagination_class=None)
    def pictures(self, request: Request, pk: UUID) -> HttpResponseBase:
        """The photos with their faces marked, or covered for good, as one zip."""
        batch = self.get_object()
        try:
            return pictures_response(batch, *drawing_of(request.query_params))
        except InvalidChoice as error:
            raise ValidationError(error.message_dict) from None

    @extend_schema(
        description="How many people of which kind it shows, and how far that may be off.",
        responses={200: TotalsSerializer(many=True), **schema.errors(401, 404)},
    )
    @action(detail=True, pagination_class=None)
    def totals(self, request: Request, pk: UUID) -> Response:
        return Response(TotalsSerializer(totals_of(self.get_object()), many=True).data)

    @extend_schema(request=None, responses=_PROGRESS)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: UUID) -> Response:
        """Let what waits wait; what is being estimated is finished."""
        batch = self.get_object()
        steering.pause(batch)
        return self._told(batch)

    @extend_schema(request=None, responses=_PROGRESS)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        """Let a paused batch go on."""
        batch = self.get_object()
        steering.resume(batch)
        return self._told(batch)

    @extend_schema(request=None, responses=_PROGRESS)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Give up what waits; what is done stays."""
        batch = self.get_object()
        steering.cancel(batch)
        return self._told(batch)

    @extend_schema(
        request=None, parameters=[schema.RETRY_AFTER], responses={**_PROGRESS, **schema.errors(429)}
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: UUID) -> Response:
        """Queue once more what failed or was cancelled."""
        batch = self.get_object()
        steering.retry(batch, self._owner())
        return self._told(batch)

    def _owner(self) -> Owner:
        return Owner(user_id=self.request.user.pk)

    def _told(self, batch: Batch) -> Response:
        return Response(self.get_serializer(batch).data)

    def _send(self, batch: Batch, file: "UploadedFile[bytes]", key: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": file.name or "", "prediction": None, "error": None}
        try:
            made = send_photo(batch, self._owner(), file, key)
        except (PhotoError, UploadRefused, BatchRefused) as error:
            entry["error"] = entry_error(error)
        else:
            entry["prediction"] = PredictionSerializer(made, context={"request": self.request}).data
        return entry


def _valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    validated: dict[str, Any] = serializer.validated_data
    return validated
