"""The tables of batches: what was sent under one name, what of it was refused, and its zips."""

import uuid
from functools import partial
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from training.models.leases import Leased


class BatchState(models.TextChoices):
    """What its owner wants of a batch; how far it is follows from its photos."""

    OPEN = "open", _("Open")
    PAUSED = "paused", _("Paused")
    CANCELLED = "cancelled", _("Cancelled")
    DELETED = "deleted", _("Being deleted")


class Batch(models.Model):
    """Photos that were sent under one name (`Photo.batch`).

    It belongs to an account or to an anonymous browser, as a photo does, and goes with its last
    photo.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="batches",
    )
    visitor = models.UUIDField(_("visitor"), null=True, blank=True, editable=False)
    name = models.CharField(_("name"), max_length=100)
    state = models.CharField(
        _("state"), max_length=10, choices=BatchState, default=BatchState.OPEN, editable=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # When its newest photo does.
    expires_at = models.DateTimeField(_("expires at"), db_index=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="batch_has_one_owner",
                condition=models.Q(owner__isnull=False, visitor__isnull=True)
                | models.Q(owner__isnull=True, visitor__isnull=False),
            )
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="batch_by_owner"),
            models.Index(fields=["visitor", "-created_at", "-id"], name="batch_by_visitor"),
            models.Index(
                fields=["created_at"],
                name="batch_being_deleted",
                condition=models.Q(state="deleted"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        return self.state == BatchState.PAUSED


class RefusedPhoto(models.Model):
    """A file that was sent to a batch and is no usable photo; of the file only its name is kept.

    `key` names the sending, so that the same file sent once more is not told of twice.
    """

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="refused")
    name = models.CharField(max_length=255)
    key = models.CharField(max_length=200)
    failure_code = models.CharField(max_length=40)
    failure_parameters = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["created_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["batch", "key"], name="refused_once")]

    def __str__(self) -> str:
        return self.name


class ArchiveState(models.TextChoices):
    RECEIVING = "receiving", _("Receiving")
    UNPACKING = "unpacking", _("Unpacking")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


UNDER_WAY = (ArchiveState.RECEIVING, ArchiveState.UNPACKING)


class Archive(Leased):
    """A zip of photos that is sent to a batch in pieces, and then unpacked by a worker.

    `bytes` is its announced size, of which the first `received` have come. `entries` is how many
    of its files are looked at, of which the first `unpacked` are through; until it is opened, 0.
    A worker holds it while it unpacks; none takes it up before `not_before`, which lies ahead
    where the quota is used up.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="archives")
    # Whom its photos are counted for: a name of `predictions.quota`.
    sender = models.CharField(max_length=40)
    name = models.CharField(max_length=255)
    bytes = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=ArchiveState, default=ArchiveState.RECEIVING)
    entries = models.PositiveIntegerField(default=0)
    unpacked = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_parameters = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="archive_open",
                condition=models.Q(state__in=UNDER_WAY),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        return self.state not in UNDER_WAY


class ArchivePiece(models.Model):
    """Consecutive bytes of an archive, from `offset` on, in a file of their own."""

    archive = models.ForeignKey(Archive, models.CASCADE, related_name="pieces", db_index=False)
    offset = models.PositiveBigIntegerField()
    file = models.FileField(upload_to="archives/%Y-%m-%d")

    class Meta:
        default_permissions = ()
        ordering = ["offset"]
        constraints = [
            models.UniqueConstraint(fields=["archive", "offset"], name="one_piece_per_offset")
        ]

    def __str__(self) -> str:
        return f"{self.archive_id} +{self.offset}"


@receiver(post_delete, sender=ArchivePiece)
def _remove_with_row(instance: ArchivePiece, **_: Any) -> None:
    """However a row goes, its file goes with it."""
    name = str(instance.file.name)
    transaction.on_commit(partial(instance.file.storage.delete, name), robust=True)
