"""What a sender was given for a photo, so that sending it once more gives the same again.

Programs name a request by a key of theirs (`Idempotency-Key`), forms by a token that they come
with. Receipts are kept for a day, those of a photo in a batch as long as the photo.
"""

import hashlib
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.base import File
from django.db import models
from django.db.models import Q

from .access import Owner
from .models import Prediction

LONGEST_KEY = 200
_KEPT = timedelta(days=1)


class Receipt(models.Model):
    """`prediction` is empty where it was deleted since."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, editable=False, related_name="+"
    )
    visitor = models.UUIDField(null=True, editable=False)
    key = models.CharField(max_length=LONGEST_KEY, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    prediction = models.ForeignKey(
        Prediction, models.SET_NULL, null=True, editable=False, related_name="receipts"
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "key"],
                name="one_receipt_per_account_and_key",
                condition=Q(owner__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["visitor", "key"],
                name="one_receipt_per_visitor_and_key",
                condition=Q(visitor__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.key


def receipt_of(owner: Owner, key: str) -> Receipt | None:
    """What the owner was given for a key; None where there is no key."""
    found = Receipt.objects.select_related("prediction__photo", "prediction__model_version")
    return found.filter(**owner.columns, key=key).first() if key else None


def hand_over(owner: Owner, key: str, digest: str, prediction: Prediction) -> None:
    """Keep what is given for a key, if there is one; in the transaction that makes it."""
    if key:
        Receipt.objects.create(**owner.columns, key=key, digest=digest, prediction=prediction)


def key_of_one(key: str, upload: "File[bytes]") -> str:
    """The key of one photo of several that were sent under one."""
    if not key:
        return ""
    described = hashlib.sha256(f"{key}\0{upload.name}\0".encode("utf-8", "replace"))
    for chunk in upload.chunks():
        described.update(chunk)
    upload.seek(0)
    return described.hexdigest()


def new_token() -> str:
    """For a form that is shown."""
    return uuid.uuid4().hex


def forget(now: datetime) -> None:
    """Delete receipts that were kept long enough."""
    old = Receipt.objects.filter(created_at__lt=now - _KEPT)
    # Those of a batch are kept with its photos: its page says that no file is taken twice.
    old.filter(Q(prediction=None) | Q(prediction__photo__batch=None)).delete()
