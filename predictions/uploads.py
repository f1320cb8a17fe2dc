"""The life of a photo: accepted, estimated again, deleted."""

import hashlib
import logging
import uuid
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from vision.errors import PhotoTooLarge, VisionError
from vision.messages import Message
from vision.photos.decoders import DecodersUnavailable
from vision.photos.preparing import KeptPhoto

from . import quota, receipts, room
from .access import Owner, hold
from .batches import joining
from .batches.emptying import remove_empty
from .decoders import prepare_upload
from .messages import TEMPLATES
from .models import NO_TURN, Photo, Prediction
from .notify import nudge
from .turns import current_turn, turn_of_next

logger = logging.getLogger(__name__)

_DELETION_BATCH = 500


class UploadRefused(VisionError):
    """A photo is not taken, whatever photo it is; the message says why and what to do."""

    templates = TEMPLATES


class StorageUnavailable(UploadRefused):
    """What photos are kept in takes none at the moment: a full disk, a network that is away."""

    code = "storage_unavailable"


class PhotosFull(UploadRefused):
    """The photos that are kept take all the room that they may (FACEROUTE_MEDIA_BYTES)."""

    code = "photos_full"


class DecodingUnavailable(UploadRefused):
    """What opens photos does not answer at the moment."""

    code = "decoding_unavailable"


class AccountGone(UploadRefused):
    """The account that sends was deleted meanwhile."""

    code = "account_gone"


class KeyReused(UploadRefused):
    """A key that was given to another photo before."""

    code = "idempotency_key_reused"


class AlreadyDeleted(UploadRefused):
    """A photo that is sent once more was taken before and deleted since."""

    code = "already_deleted"


class QuotaExceeded(UploadRefused):
    """The owner has sent as many photos in an hour as one owner may.

    `retry_after` is the time in seconds until the next one is accepted.
    """

    code = "quota_exceeded"

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(limit=settings.PHOTOS_PER_HOUR, minutes=-(-retry_after // 60))


def accept_photo(
    owner: Owner, upload: "File[bytes]", key: str = "", batch: uuid.UUID | None = None
) -> Prediction:
    """Keep an uploaded photo, private to its owner, and queue its first prediction.

    What is kept is the photo re-encoded upright, without metadata; the upload itself is not.
    `key`: names this sending; where the owner has sent the photo under it before, the prediction
    made then is returned and nothing is kept. `batch`: that of the owner's which it is to join.
    Raises a `vision.errors.PhotoError` for bytes that are no usable photo, and `UploadRefused`;
    of a batch, `joining.BatchRefused`.
    """
    if (upload.size or 0) > settings.PHOTO_MAX_BYTES:
        raise PhotoTooLarge(
            limit=Message("megabytes", {"count": settings.PHOTO_MAX_BYTES // 2**20})
        )
    data = upload.read()
    digest = hashlib.sha256(data).hexdigest() if key else ""
    if before := _given_before(owner, key, digest):
        return before
    if seconds := quota.seconds_to_wait(owner):  # again below, where nobody comes in between
        raise QuotaExceeded(seconds)
    if room.kept().is_all_that_may_be:
        raise PhotosFull
    kept = _prepare(data)
    photo = Photo(
        width=kept.width,
        height=kept.height,
        name=(upload.name or "")[:255],
        bytes=len(kept.image) + len(kept.thumbnail),
        warnings=list(kept.warnings),
        expires_at=timezone.now() + settings.PHOTO_LIFETIME,
    )
    # The files are written before the transaction, so that the database is never locked while
    # a disk or a network is slow. Killed in between, they are orphans, which upkeep deletes.
    _store(photo, kept.image, kept.thumbnail)
    try:
        with transaction.atomic():
            made = _keep(photo, owner, key, digest, batch)
    except BaseException:
        _remove_files(photo)
        raise
    if made.photo_id != photo.pk:
        _remove_files(photo)
    return made


def _keep(photo: Photo, owner: Owner, key: str, digest: str, batch: uuid.UUID | None) -> Prediction:
    """Write a photo and queue its prediction, or find what was given for the key meanwhile."""
    held = _held(owner)
    if before := _given_before(held, key, digest):
        return before
    _take(owner if held.visitor else held)
    photo.owner_id, photo.visitor = held.user_id, held.visitor
    if batch:
        photo.batch = joining.join(batch, held.columns, photo.expires_at)
    photo.save(force_insert=True)
    transaction.on_commit(partial(room.add, photo.bytes or 0))
    made = _queue(photo)
    receipts.hand_over(held, key, digest, made)
    return made


def _given_before(owner: Owner, key: str, digest: str) -> Prediction | None:
    """Raises KeyReused and AlreadyDeleted."""
    receipt = receipts.receipt_of(owner, key)
    if receipt is None:
        return None
    if receipt.digest != digest:
        raise KeyReused
    if receipt.prediction is None:
        raise AlreadyDeleted
    return receipt.prediction


def _take(owner: Owner) -> None:
    """Raises QuotaExceeded."""
    if seconds := quota.take(owner):
        raise QuotaExceeded(seconds)


def _held(owner: Owner) -> Owner:
    """Raises AccountGone."""
    held = hold(owner)
    if held.is_nobody:
        raise AccountGone
    return held


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


def rerun(prediction: Prediction, by: Owner | None = None) -> Prediction:
    """Queue a new prediction of the same photo, by the version that is active when it runs.

    `by`: its owner, with the address that it asks from. Raises QuotaExceeded and AccountGone, and
    Photo.DoesNotExist where it was deleted meanwhile.
    """
    owner = by or Owner(prediction.owner_id, prediction.visitor)
    with transaction.atomic():
        held = _held(owner)
        photo = Photo.objects.select_for_update().get(pk=prediction.photo_id)
        _take(owner if held.visitor else held)
        return _queue(photo, again=True)


def delete_prediction(prediction: Prediction) -> None:
    """Delete a prediction with its faces, and its photo once no other prediction shows it.

    Nothing happens where it is deleted already.
    """
    with transaction.atomic():
        _lock(Photo.objects.filter(pk=prediction.photo_id))
        Prediction.objects.filter(pk=prediction.pk).delete()


def delete_predictions(predictions: Iterable[Prediction]) -> None:
    """Delete predictions as `delete_prediction` does, in small transactions."""
    keys = [one.pk for one in predictions]
    for start in range(0, len(keys), _DELETION_BATCH):
        with transaction.atomic():
            chosen = Prediction.objects.filter(pk__in=keys[start : start + _DELETION_BATCH])
            _lock(Photo.objects.filter(pk__in=chosen.values("photo")))
            chosen.delete()


def deleted_in_slices(photos: QuerySet[Photo]) -> Iterator[int]:
    """Delete photos with their predictions and files, a small transaction for each number that is
    told: of the photos that went with it.

    `photos`: in an order that an index has, or each slice looks through all.
    """
    while batch := list(photos.values_list("pk", flat=True)[:_DELETION_BATCH]):
        with transaction.atomic():
            chosen = Photo.objects.filter(pk__in=batch)
            _lock(chosen)
            chosen.delete()
        yield len(batch)


def _lock(photos: QuerySet[Photo]) -> None:
    """Keep photos and their predictions as they are until the transaction ends.

    In one order, so that two deletions wait for each other; and so that no worker adds faces to a
    prediction while it is being deleted. Their batches go where no photo is left in them.
    """
    rows = list(photos.select_for_update().order_by("pk").values_list("pk", "batch"))
    if batches := {batch for _pk, batch in rows if batch}:
        transaction.on_commit(partial(remove_empty, batches), robust=True)
    keys = [pk for pk, _batch in rows]
    predictions = Prediction.objects.select_for_update(of=("self",)).filter(photo__in=keys)
    list(predictions.order_by("pk").values_list("pk"))


def _queue(photo: Photo, *, again: bool = False) -> Prediction:
    owner, current = Owner(photo.owner_id, photo.visitor), current_turn()
    is_held = not again and photo.batch is not None and photo.batch.is_paused
    turn = NO_TURN if is_held else turn_of_next(owner, current, again=again)
    prediction = Prediction.objects.create(photo=photo, turn=turn, **owner.columns)
    if current is None:  # whoever works, or was told already, goes on until nothing waits
        transaction.on_commit(nudge)
    return prediction


@receiver(post_delete, sender=Prediction)
def _remove_with_last(instance: Prediction, origin: Any, **_: object) -> None:
    """However predictions are deleted (a page, the admin), a photo that none is left of goes too:
    nobody could see or delete it."""
    deleted = origin.model if isinstance(origin, QuerySet) else type(origin)
    if deleted is not Prediction:  # the photo goes anyway
        return
    photo = Photo.objects.select_for_update().filter(pk=instance.photo_id).first()
    if photo and not photo.predictions.exists():
        photo.delete()


@receiver(post_delete, sender=Photo)
def _remove_with_row(instance: Photo, **_: object) -> None:
    """However a row goes (a page, the admin, an account's end), its files go with it."""
    transaction.on_commit(partial(_remove_files, instance), robust=True)


def _remove_files(photo: Photo) -> None:
    for file in (photo.image, photo.thumbnail):
        if file.name:
            file.storage.delete(file.name)
