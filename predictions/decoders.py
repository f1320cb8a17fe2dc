"""The decoders of this process; the first photo starts them."""

from django.conf import settings

from vision.photos.decoders import Decoders
from vision.photos.preparing import KeptPhoto, Limits
from vision.types import Box

decoders = Decoders(settings.DATA_DIR / "decoding.lock")


def prepare_upload(data: bytes) -> KeptPhoto:
    """An uploaded photo as it is kept, opened in a process of its own.

    Raises a `vision.errors.PhotoError` for bytes that are no usable photo, and
    `vision.photos.decoders.DecodersUnavailable`.
    """
    return decoders.prepare(data, _limits())


def crop_of_face(data: bytes, box: Box) -> bytes:
    """A JPEG of a face of a photo that is kept. Raises as `prepare_upload` does."""
    return decoders.crop_face(data, box, _limits())


def _limits() -> Limits:
    return Limits(bytes=settings.PHOTO_MAX_BYTES, pixels=settings.PHOTO_MAX_PIXELS)
