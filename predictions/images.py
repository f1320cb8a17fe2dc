"""Private images as HTTP answers; the caller has checked whose they are."""

from collections.abc import Callable
from typing import TypeAlias

from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse

from vision.errors import PhotoError
from vision.photos.decoders import DecodersUnavailable
from vision.types import Box

from .decoders import crop_of_face
from .models import Face, Photo
from .uploads import StorageUnavailable

Draw: TypeAlias = Callable[[bytes], bytes]
"""Makes a JPEG of a photo's bytes; raises as `predictions.decoders` do."""


def photo_response(file: FieldFile) -> HttpResponse:
    """A stored JPEG. Raises Http404 where its file is gone, and StorageUnavailable."""
    return _jpeg(_read(file))


def face_crop_response(photo: Photo, face: Face) -> HttpResponse:
    """The part of a photo around a face. Raises as `photo_response` does."""
    box = Box(face.x, face.y, face.width, face.height)
    return drawn_response(photo, lambda data: crop_of_face(data, box))


def drawn_response(photo: Photo, draw: Draw) -> HttpResponse:
    """The JPEG that a decoder makes of a photo. Raises as `photo_response` does."""
    try:
        return _jpeg(drawn(photo, draw))
    except DecodersUnavailable:
        return HttpResponse(status=503)


def drawn(photo: Photo, draw: Draw) -> bytes:
    """The JPEG that a decoder makes of a photo.

    Raises Http404 where its file is gone or cannot be opened, StorageUnavailable and
    DecodersUnavailable.
    """
    try:
        return draw(_read(photo.image))
    except PhotoError:
        raise Http404 from None


def _read(file: FieldFile) -> bytes:
    try:
        with file.open("rb") as stored:
            data: bytes = stored.read()
    except FileNotFoundError:
        raise Http404 from None
    except Exception as error:  # every storage raises the errors of its own client library
        raise StorageUnavailable("reading") from error
    return data


def _jpeg(data: bytes) -> HttpResponse:
    return HttpResponse(
        data,
        content_type="image/jpeg",
        headers={
            "Cache-Control": "no-store, private",
            "Content-Disposition": "inline",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Cookie, Authorization",
        },
    )
