"""Photos people sent, the predictions made of them, the faces found."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from training.models import ModelVersion
from training.models.leases import Leased
from vision.attributes import ATTRIBUTES
from vision.crops.quality import WITHHELD

from . import api_keys, erasures, processes, sums, visitors  # noqa: F401  # Django finds their tables here
from .batches import models as batches
from .messages import explain


class Photo(models.Model):
    """A re-encoded, upright photo without metadata, private to one account or one browser.

    Exactly one of `owner` (an account) and `visitor` (a random id kept by an anonymous browser) is
    set. It goes with its last prediction (see `predictions.uploads`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="photos",
    )
    visitor = models.UUIDField(_("visitor"), null=True, blank=True, editable=False)
    image = models.FileField(_("image"), upload_to="photos/%Y-%m-%d")
    thumbnail = models.FileField(_("thumbnail"), upload_to="thumbnails/%Y-%m-%d")
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    name = models.CharField(_("file name"), max_length=255, blank=True)
    # Of both files; of photos that earlier versions kept it is found out later (room.measure).
    bytes = models.PositiveBigIntegerField(
        _("bytes"), null=True, blank=True, editable=False, db_index=True
    )
    # Codes of `predictions.messages`: what its sender should know of the file that was sent.
    warnings = models.JSONField(_("warnings"), default=list, blank=True, editable=False)
    batch = models.ForeignKey(
        batches.Batch,
        verbose_name=_("batch"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="photos",
        db_index=False,
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"), db_index=True)

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="photo_has_one_owner",
                condition=models.Q(owner__isnull=False, visitor__isnull=True)
                | models.Q(owner__isnull=True, visitor__isnull=False),
            )
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="photo_by_owner"),
            models.Index(fields=["visitor", "-created_at"], name="photo_by_visitor"),
            models.Index(
                fields=["batch", "created_at"],
                name="photo_by_batch",
                condition=models.Q(batch__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class Status(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


NO_TURN = 2**31 - 1
"""The turn of what waits in a batch that is paused: workers never come to it."""


class Prediction(Leased):
    """One pass of one model version over one photo; the row is the queue's truth.

    `owner` and `visitor` repeat the photo's, so that a history page reads one index of one table
    however many rows there are.

    A worker owns a running prediction while it holds `claim` and `lease_expires_at` lies ahead.
    Those that wait are taken by `turn`, of which `predictions.turns` has the rules.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    photo = models.ForeignKey(
        Photo, verbose_name=_("photo"), on_delete=models.CASCADE, related_name="predictions"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="predictions",
    )
    visitor = models.UUIDField(_("visitor"), null=True, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    took_ms = models.PositiveIntegerField(_("took (ms)"), null=True, blank=True)
    face_count = models.PositiveIntegerField(
        _("faces"), null=True, blank=True, editable=False, help_text=_("Empty until it is done.")
    )
    turn = models.PositiveIntegerField(_("turn"), default=0, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    failure_code = models.CharField(_("failure code"), max_length=40, blank=True)
    failure_parameters = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="prediction_by_owner"),
            models.Index(fields=["visitor", "-created_at", "-id"], name="prediction_by_visitor"),
            models.Index(fields=["-created_at", "-id"], name="prediction_by_age"),
            # What is rare among an owner's many, or among all, is not found by reading them all.
            models.Index(
                fields=["owner", "status", "-created_at", "-id"], name="prediction_by_owner_status"
            ),
            models.Index(
                fields=["owner", "model_version", "-created_at", "-id"],
                name="prediction_by_owner_model",
            ),
            models.Index(fields=["status", "-created_at", "-id"], name="prediction_by_status"),
            models.Index(
                fields=["model_version", "-created_at", "-id"], name="prediction_by_model"
            ),
            # Open work is a sliver of the table; whoever looks for it looks at nothing else.
            models.Index(
                fields=["status", "created_at"],
                name="prediction_open",
                condition=models.Q(status__in=["queued", "running"]),
            ),
            models.Index(
                fields=["turn", "created_at"],
                name="prediction_waiting",
                condition=models.Q(status="queued"),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="prediction_held",
                condition=models.Q(status="running"),
            ),
            models.Index(
                fields=["owner", "visitor", "turn"],
                name="prediction_waiting_by_owner",
                condition=models.Q(status="queued"),
            ),
            models.Index(
                fields=["finished_at"],
                name="prediction_by_end",
                condition=models.Q(finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.get_status_display()})"

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.DONE, Status.FAILED}

    @property
    def failure(self) -> str:
        """Why it failed, a sentence in the reader's language; empty where it did not."""
        return explain(self.failure_code, self.failure_parameters) if self.failure_code else ""


def _label(attribute: str) -> "models.GeneratedField":
    """A column that repeats the estimated label of an attribute, to be searched by."""
    return models.GeneratedField(
        expression=KT(f"estimates__{attribute}__label"),
        output_field=models.CharField(max_length=40, null=True),
        db_persist=True,
    )


class Face(models.Model):
    """One face of a finished prediction; its estimates in the JSON form of `vision.types`.

    `estimates`: attribute → estimate, null where its head is switched off or absent from the model,
    or where the photo cannot tell, which the quality's warnings then say.
    """

    prediction = models.ForeignKey(
        Prediction, verbose_name=_("prediction"), on_delete=models.CASCADE, related_name="faces"
    )
    index = models.PositiveSmallIntegerField(_("index"))
    x = models.IntegerField()
    y = models.IntegerField()
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    detection_confidence = models.FloatField(_("detection confidence"))
    landmarks = models.JSONField()
    # Of faces found before it was measured it is null; its warnings are codes of `.messages`.
    quality = models.JSONField(_("quality"), null=True)
    estimates = models.JSONField(_("estimates"), default=dict)
    age_years = models.GeneratedField(
        expression=Cast(KT("estimates__age__years"), models.FloatField()),
        output_field=models.FloatField(null=True),
        db_persist=True,
    )
    gender_label = _label("gender")
    race_label = _label("race")
    # What versions before wrote in place of `estimates`. Nothing reads it any more; the columns go
    # with the next release, so that going back to this one's predecessor finds them.
    former_age = models.JSONField(null=True, editable=False, db_column="age")
    former_gender = models.JSONField(null=True, editable=False, db_column="gender")
    former_race = models.JSONField(null=True, editable=False, db_column="race")

    class Meta:
        verbose_name = _("face")
        verbose_name_plural = _("faces")
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["prediction", "index"], name="one_face_per_index")
        ]
        indexes = [
            models.Index(fields=["age_years", "prediction"], name="face_by_age"),
            models.Index(fields=["gender_label", "prediction"], name="face_by_gender"),
            models.Index(fields=["race_label", "prediction"], name="face_by_race"),
        ]

    def __str__(self) -> str:
        return f"{self.prediction_id} #{self.index}"

    def estimate(self, attribute: str) -> dict[str, Any] | None:
        """What was said of the face; None where the head is switched off, even if it once was
        not."""
        stored: dict[str, Any] | None = self.estimates.get(attribute)
        return stored if attribute in settings.HEADS else None

    @property
    def is_withheld(self) -> bool:
        """Whether the photo cannot tell anything of it, so that nothing was estimated."""
        warnings = self.quality["warnings"] if self.quality else ()
        return not WITHHELD.isdisjoint(warnings)

    @property
    def may_be_corrected(self) -> bool:
        """Whether its sender is asked what is right: not where there is nothing to see. What was
        said of it before can still be changed and taken back."""
        return not self.is_withheld or hasattr(self, "correction")


class Review(models.TextChoices):
    """What administrators made of a correction."""

    PENDING = "pending", _("To review")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")


class Correction(models.Model):
    """What the sender of a photo says a face's labels are: for their own record, and to be learnt
    from where they consented to that (`predictions.corrections.offered`).

    It lives and dies with its photo: whoever deletes the photo takes the correction back. What the
    sender says nothing of is not in `labels`.
    """

    face = models.OneToOneField(Face, models.CASCADE, related_name="correction")
    labels = models.JSONField(_("labels"), default=dict, editable=False)
    # As with `Face.former_age`.
    former_age = models.PositiveSmallIntegerField(null=True, editable=False, db_column="age")
    former_gender = models.PositiveSmallIntegerField(null=True, editable=False, db_column="gender")
    former_race = models.PositiveSmallIntegerField(null=True, editable=False, db_column="race")
    consented_at = models.DateTimeField(_("consented at"), null=True)
    review = models.CharField(_("review"), max_length=8, choices=Review, default=Review.PENDING)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, editable=False)
    digest = models.CharField(
        "SHA-256",
        max_length=64,
        blank=True,
        editable=False,
        help_text="Of the crop that datasets were given, which may be deleted by now.",
    )

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["-consented_at", "-pk"]
        indexes = [
            models.Index(fields=["-consented_at", "-id"], name="correction_by_age"),
            models.Index(fields=["review", "-consented_at", "-id"], name="correction_by_review"),
        ]
        constraints = [
            models.CheckConstraint(
                name="reviewed_with_consent",
                condition=models.Q(consented_at__isnull=False) | models.Q(review="pending"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.face}: {self.get_review_display()}"

    @property
    def named(self) -> dict[str, int | str]:
        """What is said, by attribute that is switched on; labels by their names."""
        said = {name: self.labels[name] for name in settings.HEADS if name in self.labels}
        labels = {name: ATTRIBUTES[name].labels for name in said}
        return {name: labels[name][said[name]] if labels[name] else said[name] for name in said}
