"""The decoders of this process; the first photo starts them."""

from django.conf import settings

from vision.photos.decoders import Decoders
from vision.photos.preparing import KeptPhoto, Limits

decoders = Decoders(settings.DATA_DIR / "decoding.lock")


def prepare_upload(data: bytes) -> KeptPhoto:
    """An uploaded photo as it is kept, opened in a process of its own.

    Raises a `vision.errors.PhotoError` for bytes that are no usable photo, and
    `vision.photos.decoders.DecodersUnavailable`.
    """
    limits = Limits(bytes=settings.PHOTO_MAX_BYTES, pixels=settings.PHOTO_MAX_PIXELS)
    return decoders.prepare(data, limits)
