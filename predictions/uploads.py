"""The life of a photo: accepted, estimated again, deleted."""

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from vision.errors import PhotoTooLarge, VisionError
from vision.messages import Message
from vision.photos.decoders import DecodersUnavailable
from vision.photos.preparing import KeptPhoto

from .access import Owner
from .decoders import prepare_upload
from .messages import TEMPLATES
from .models import Photo, Prediction
from .notify import nudge
from .turns import current_turn, turn_of_next

logger = logging.getLogger(__name__)

_QUOTA_WINDOW = timedelta(hours=1)
_DELETION_BATCH = 500


class UploadRefused(VisionError):
    """A photo is not taken, whatever photo it is; the message says why and what to do."""

    templates = TEMPLATES


class StorageUnavailable(UploadRefused):
    """What photos are kept in takes none at the moment: a full disk, a network that is away."""

    code = "storage_unavailable"


class DecodingUnavailable(UploadRefused):
    """What opens photos does not answer at the moment."""

    code = "decoding_unavailable"


class QuotaExceeded(UploadRefused):
    """The owner has sent as many photos in an hour as one owner may.

    `retry_after` is the time in seconds until the next one is accepted.
    """

    code = "quota_exceeded"

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(limit=settings.PHOTOS_PER_HOUR, minutes=-(-retry_after // 60))


def accept_photo(owner: Owner, upload: "UploadedFile[bytes]") -> Prediction:
    """Keep an uploaded photo, private to its owner, and queue its first prediction.

    What is kept is the photo re-encoded upright, without metadata; the upload itself is not.
    Raises a `vision.errors.PhotoError` for bytes that are no usable photo, and `UploadRefused`.
    """
    _check_quota(owner)
    if (upload.size or 0) > settings.PHOTO_MAX_BYTES:
        raise PhotoTooLarge(
            limit=Message("megabytes", {"count": settings.PHOTO_MAX_BYTES // 2**20})
        )
    kept = _prepare(upload.read())
    photo = Photo(
        **owner.columns,
        width=kept.width,
        height=kept.height,
        name=(upload.name or "")[:255],
        warnings=list(kept.warnings),
        expires_at=timezone.now() + settings.PHOTO_LIFETIME,
    )
    # The files are written before the transaction, so that the database is never locked while
    # a disk or a network is slow. Killed in between, they are orphans, which upkeep deletes.
    _store(photo, kept.image, kept.thumbnail)
    try:
        with transaction.atomic():
            photo.save(force_insert=True)
            return _queue(photo)
    except BaseException:
        _remove_files(photo)
        raise


def _prepare(data: bytes) -> KeptPhoto:
    """Raises a `vision.errors.PhotoError` and DecodingUnavailable."""
    try:
        return prepare_upload(data)
    except DecodersUnavailable as error:
        logger.exception("A photo could not be opened.")
        raise DecodingUnavailable from error


def _store(photo: Photo, image: bytes, thumbnail: bytes) -> None:
    """Raises StorageUnavailable."""
    try:
        photo.image.save(f"{photo.id}.jpg", ContentFile(image), save=False)
        photo.thumbnail.save(f"{photo.id}.jpg", ContentFile(thumbnail), save=False)
    except Exception as error:  # every storage raises the errors of its own client library
        logger.exception("A photo could not be stored.")
        raise StorageUnavailable from error


def rerun(prediction: Prediction) -> Prediction:
    """Queue a new prediction of the same photo, by the version that is active when it runs."""
    with transaction.atomic():
        return _queue(Photo.objects.select_for_update().get(pk=prediction.photo_id), again=True)


def delete_prediction(prediction: Prediction) -> None:
    """Delete a prediction with its faces, and its photo once no other prediction shows it."""
    with transaction.atomic():
        photo = Photo.objects.select_for_update().get(pk=prediction.photo_id)
        prediction.delete()
        if not photo.predictions.exists():
            photo.delete()


def delete_predictions(predictions: Iterable[Prediction]) -> None:
    """Delete predictions as `delete_prediction` does, in small transactions."""
    keys = [one.pk for one in predictions]
    for start in range(0, len(keys), _DELETION_BATCH):
        with transaction.atomic():
            chosen = Prediction.objects.filter(pk__in=keys[start : start + _DELETION_BATCH])
            of_them = Photo.objects.filter(predictions__in=chosen).order_by("pk")
            shown = list(of_them.select_for_update(of=("self",)).values_list("pk", flat=True))
            chosen.delete()
            Photo.objects.filter(pk__in=shown, predictions=None).delete()


def deleted_in_slices(photos: QuerySet[Photo]) -> Iterator[int]:
    """Delete photos with their predictions and files, a small transaction for each number that is
    told: of the photos that went with it.

    `photos`: in an order that an index has, or each slice looks through all.
    """
    while batch := list(photos.values_list("pk", flat=True)[:_DELETION_BATCH]):
        Photo.objects.filter(pk__in=batch).delete()
        yield len(batch)


def _queue(photo: Photo, *, again: bool = False) -> Prediction:
    owner, current = Owner(photo.owner_id, photo.visitor), current_turn()
    turn = turn_of_next(owner, current, again=again)
    prediction = Prediction.objects.create(photo=photo, turn=turn, **owner.columns)
    if current is None:  # whoever works, or was told already, goes on until nothing waits
        transaction.on_commit(nudge)
    return prediction


def _check_quota(owner: Owner) -> None:
    since = timezone.now() - _QUOTA_WINDOW
    recent = owner.photos().filter(created_at__gt=since).order_by("-created_at")
    # The photo that fills the quota, counted from the newest: the next may come an hour after it.
    filling = recent.values_list("created_at", flat=True)[settings.PHOTOS_PER_HOUR - 1 :][:1]
    for oldest in filling:
        raise QuotaExceeded(max(1, round((oldest - since).total_seconds())))


@receiver(post_delete, sender=Photo)
def _remove_with_row(instance: Photo, **_: object) -> None:
    """However a row goes (a page, the admin, an account's end), its files go with it."""
    transaction.on_commit(partial(_remove_files, instance), robust=True)


def _remove_files(photo: Photo) -> None:
    for file in (photo.image, photo.thumbnail):
        if file.name:
            file.storage.delete(file.name)
