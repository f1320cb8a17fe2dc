"""Private images as HTTP answers; the caller has checked whose they are."""

from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse

from vision.errors import PhotoError
from vision.photos.decoders import DecodersUnavailable
from vision.types import Box

from .decoders import crop_of_face
from .models import Face, Photo
from .uploads import StorageUnavailable


def photo_response(file: FieldFile) -> HttpResponse:
    """A stored JPEG. Raises Http404 where its file is gone, and StorageUnavailable."""
    return _jpeg(_read(file))


def face_crop_response(photo: Photo, face: Face) -> HttpResponse:
    """The part of a photo around a face. Raises as `photo_response` does."""
    box = Box(face.x, face.y, face.width, face.height)
    try:
        return _jpeg(crop_of_face(_read(photo.image), box))
    except PhotoError:
        raise Http404 from None
    except DecodersUnavailable:
        return HttpResponse(status=503)


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
