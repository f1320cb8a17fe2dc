"""Photos people sent, the predictions made of them, the faces found."""

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from training.models import GenderLabel, ModelVersion, RaceLabel
from vision.attributes import OLDEST_AGE
from vision.crops.quality import WITHHELD

from .messages import explain


class Photo(models.Model):
    """A re-encoded, upright photo without metadata, private to one account or one browser.

    Exactly one of `owner` (an account) and `visitor` (a random id kept in an anonymous browser
    session) is set.
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
    # Codes of `predictions.messages`: what its sender should know of the file that was sent.
    warnings = models.JSONField(_("warnings"), default=list, blank=True, editable=False)
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
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class Status(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class Prediction(models.Model):
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
    turn = models.PositiveIntegerField(_("turn"), default=0, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim = models.UUIDField(_("claim"), null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(_("lease expires at"), null=True, blank=True)
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
                fields=["owner", "visitor", "turn"],
                name="prediction_waiting_by_owner",
                condition=models.Q(status="queued"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.status})"

    @property
    def is_finished(self) -> bool:
        return self.status in {Status.DONE, Status.FAILED}

    @property
    def failure(self) -> str:
        """Why it failed, a sentence in the reader's language; empty where it did not."""
        return explain(self.failure_code, self.failure_parameters) if self.failure_code else ""


class Face(models.Model):
    """One face of a finished prediction; estimates in the JSON form of `vision.types`.

    An estimate is null where its head is switched off or absent from the model, or where the photo
    cannot tell, which the quality's warnings then say.
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
    age = models.JSONField(_("age"), null=True)
    gender = models.JSONField(_("gender"), null=True)
    race = models.JSONField(_("race"), null=True)

    class Meta:
        verbose_name = _("face")
        verbose_name_plural = _("faces")
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["prediction", "index"], name="one_face_per_index")
        ]

    def __str__(self) -> str:
        return f"{self.prediction_id} #{self.index}"

    def estimate(self, head: str) -> dict[str, Any] | None:
        """What a head said of the face; None where it is switched off, even if it once was not."""
        stored: dict[str, Any] | None = getattr(self, head)
        return stored if head in settings.HEADS else None

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

    PENDING = "pending", _("To be reviewed")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")


class Correction(models.Model):
    """What the sender of a photo says a face's labels are, given to be learnt from.

    It lives and dies with its photo: whoever deletes the photo takes the correction back. A label
    is null where the sender says nothing of it.
    """

    face = models.OneToOneField(Face, models.CASCADE, related_name="correction")
    age = models.PositiveSmallIntegerField(
        _("age"), null=True, blank=True, validators=[MaxValueValidator(OLDEST_AGE)]
    )
    gender = models.PositiveSmallIntegerField(
        _("gender"), null=True, blank=True, choices=GenderLabel
    )
    race = models.PositiveSmallIntegerField(_("race"), null=True, blank=True, choices=RaceLabel)
    consented_at = models.DateTimeField(_("consented at"))
    review = models.CharField(
        _("review"), max_length=8, choices=Review, default=Review.PENDING, db_index=True
    )
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

    def __str__(self) -> str:
        return f"{self.face}: {self.get_review_display()}"


class Worker(models.Model):
    """A process that works for the site, as it last said of itself; see `predictions.heartbeats`.

    A row is a sign of life, not a registration: it goes with its process, and long after one that
    was killed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    machine = models.CharField(_("machine"), max_length=255)
    process = models.PositiveIntegerField(_("process"))
    queues = models.CharField(_("queues"), max_length=200)  # comma-separated
    version = models.CharField(_("model version"), max_length=100, blank=True)
    # A `vision.messages.Message` as JSON: why it does not serve the active version.
    problem = models.JSONField(_("problem"), null=True)
    photos_a_minute = models.PositiveIntegerField(_("photos a minute"), default=0)
    started_at = models.DateTimeField(_("started at"), db_default=Now())
    seen_at = models.DateTimeField(_("last seen"), db_index=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["machine", "queues", "process"]

    def __str__(self) -> str:
        return f"{self.machine}: {self.queues} ({self.process})"


class UpkeepTask(models.Model):
    """When a task of the schedule is due again, by the database's clock."""

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    due_at = models.DateTimeField(_("due at"))

    class Meta:
        verbose_name = _("upkeep task")
        verbose_name_plural = _("upkeep tasks")

    def __str__(self) -> str:
        return self.name
