"""The decoders of this process; the first photo starts them."""

from collections.abc import Sequence

from django.conf import settings

from vision.photos.decoders import Decoders
from vision.photos.drawing import Caption
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


def annotated(data: bytes, captions: Sequence[Caption]) -> bytes:
    """A JPEG of a kept photo with its faces marked. Raises as `prepare_upload` does."""
    return decoders.annotate(data, captions, _limits())


def anonymised(data: bytes, regions: Sequence[Box], how: str) -> bytes:
    """A JPEG of a kept photo with regions covered. Raises as `prepare_upload` does."""
    return decoders.anonymise(data, regions, how, _limits())


def _limits() -> Limits:
    return Limits(bytes=settings.PHOTO_MAX_BYTES, pixels=settings.PHOTO_MAX_PIXELS)
