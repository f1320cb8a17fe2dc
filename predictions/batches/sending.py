"""One more photo for a batch."""

import uuid
from typing import TYPE_CHECKING

from predictions.access import Owner
from predictions.models import Prediction
from predictions.uploads import accept_photo
from vision.errors import PhotoError
from vision.messages import Message, stored

from . import joining
from .models import Batch, RefusedPhoto

if TYPE_CHECKING:
    from django.core.files.base import File

_MOST_REFUSED = 2000  # rows of one batch; further ones are told to whoever sends, and not kept


def send_photo(batch: Batch, owner: Owner, upload: "File[bytes]", key: str) -> Prediction:
    """Keep a photo in a batch, as `accept_photo` does and with what it raises.

    What is no usable photo is noted in the batch before the error is raised.
    """
    joining.ensure_open(Batch.objects.filter(pk=batch.pk))  # before the photo is decoded
    try:
        return accept_photo(owner, upload, key, batch.pk)
    except PhotoError as error:
        note_refused(batch, upload.name or "", key, error.message)
        raise


def note_refused(batch: Batch, name: str, key: str, why: Message) -> None:
    """Write down that a file was refused, once for each key, if there is one."""
    if batch.refused.count() < _MOST_REFUSED:
        RefusedPhoto.objects.get_or_create(
            batch=batch,
            key=key or uuid.uuid4().hex,
            defaults={
                "name": name.replace("\0", "")[-255:],
                "failure_code": why.code,
                "failure_parameters": stored(why.parameters),
            },
        )
