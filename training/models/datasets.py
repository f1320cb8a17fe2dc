"""Datasets and their images, and why an image is set aside."""

import unicodedata
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from training.attribute_names import labelled_in_words
from training.models.labels import Labelled, no_other_labels
from vision.attributes import OLDEST_AGE
from vision.data.cleaning import Reason
from vision.data.labelled_files import LONGEST_SENDER

LONGEST_NAME = 100  # characters


def is_one_line(text: str) -> bool:
    """Whether there are no line breaks in it, nor other control characters or halves of any."""
    return all(unicodedata.category(one) not in {"Cc", "Zl", "Zp", "Cs"} for one in text)


def dataset_name(name: str) -> str:
    """A name without blanks around it. Raises ValidationError for what is no line of text."""
    name = name.strip()
    if not is_one_line(name) or not 0 < len(name) <= LONGEST_NAME:
        words = _("A dataset’s name must be a single line of 1 to %(longest)d characters.")
        raise ValidationError(words, params={"longest": LONGEST_NAME})
    return name


def validate_name(name: str) -> None:
    """Raises ValidationError for what no dataset may be called."""
    if dataset_name(name) != name:
        raise ValidationError(_("A dataset’s name must not begin or end with a space."))


class Dataset(models.Model):
    """Labelled images under one name. `revision` grows with every change to what is in it."""

    name = models.CharField(
        _("name"), max_length=LONGEST_NAME, unique=True, validators=[validate_name]
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValidationError for a new dataset with a name that none may have."""
        if self._state.adding:
            validate_name(self.name)
        super().save(*args, **kwargs)


def _differing_classes() -> str:
    return gettext("Copies that differ in %(attributes)s") % {
        "attributes": labelled_in_words(gettext("or"))
    }


class ReasonChoice(models.TextChoices):
    """Why an image is set aside, in words."""

    NONE = "", _("Used")
    UNSAFE_NAME = Reason.UNSAFE_NAME, _("Path out of the archive")
    MALFORMED_NAME = Reason.MALFORMED_NAME, _("Malformed name")
    LABEL_NOT_KNOWN = Reason.LABEL_NOT_KNOWN, _("Unknown label")
    LABEL_OUT_OF_RANGE = Reason.LABEL_OUT_OF_RANGE, _("Label out of range")
    AMBIGUOUS_ROW = Reason.AMBIGUOUS_ROW, _("Ambiguous row")
    NOT_FOUND = Reason.NOT_FOUND, _("File not found")
    UNREADABLE = Reason.UNREADABLE, _("Unreadable image")
    NO_FACE = Reason.NO_FACE, _("No face found")
    EXCLUDED = Reason.EXCLUDED, _("Excluded by hand")
    REPEATED_FILE = Reason.REPEATED_FILE, _("Packed twice")
    CONFLICTING_CLASSES = Reason.CONFLICTING_CLASSES, lazy(_differing_classes, str)()
    CONFLICTING_AGES = Reason.CONFLICTING_AGES, _("Copies that differ in age")
    EXACT_DUPLICATE = Reason.EXACT_DUPLICATE, _("Exact duplicate")
    NEAR_DUPLICATE = Reason.NEAR_DUPLICATE, _("Near duplicate")


class Override(models.TextChoices):
    """What an administrator decided about an image, whatever the cleaning says."""

    NONE = "", _("none")
    KEEP = "keep", _("Use it")
    DROP = "drop", _("Do not use it")


class Sample(Labelled):
    """One file of a dataset: its labels, what it is like, and why it is set aside, if it is.

    The content lies once under its digest, however many samples show it. `group`: samples of one
    group show one picture; that of the `Content`, as it was when the copies were last judged.
    `bucket`: MD5 of the content modulo 20. `sender` names who gave it as a correction, in a word
    that tells nobody who that is; it is empty where an archive brought it.
    """

    dataset = models.ForeignKey(
        Dataset, models.CASCADE, related_name="samples", verbose_name=_("dataset")
    )
    name = models.CharField(_("file"), max_length=500)
    digest = models.CharField("SHA-256", max_length=64, db_index=True, blank=True)
    age = models.PositiveSmallIntegerField(
        _("age"), null=True, blank=True, validators=[MaxValueValidator(OLDEST_AGE)]
    )
    gender = models.PositiveSmallIntegerField(_("gender"), null=True, blank=True)
    race = models.PositiveSmallIntegerField(_("race"), null=True, blank=True)
    found = models.CharField(
        _("status by cleaning"), max_length=24, blank=True, choices=ReasonChoice
    )
    override = models.CharField(
        _("override"),
        max_length=4,
        blank=True,
        choices=Override,
        help_text=_("Overrules what cleaning found."),
    )
    reason = models.CharField(
        _("status"), max_length=24, blank=True, choices=ReasonChoice, editable=False
    )
    group = models.BigIntegerField(default=0, editable=False)
    bucket = models.PositiveSmallIntegerField(default=0, editable=False)
    sender = models.CharField(
        _("sender"), max_length=LONGEST_SENDER, blank=True, default="", editable=False
    )
    width = models.PositiveIntegerField(_("width"), null=True, editable=False)
    height = models.PositiveIntegerField(_("height"), null=True, editable=False)
    brightness = models.FloatField(_("brightness"), null=True, editable=False)
    sharpness = models.FloatField(_("sharpness"), null=True, editable=False)
    perceptual_hash = models.CharField(max_length=16, blank=True, editable=False)
    face_confidence = models.FloatField(
        null=True, editable=False, help_text=_("0: no face was found; empty: nobody looked.")
    )
    to_check = models.BooleanField(
        default=False,
        editable=False,
        help_text="A test image that somebody who sees no estimate is to look at.",
    )

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ["dataset", "name"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="one_sample_per_file"),
            no_other_labels("sample_labels_in_range"),
        ]
        indexes = [
            # The cube that every chart is made of.
            models.Index(fields=["dataset", "reason", "race", "gender", "age"], name="sample_cube"),
            models.Index(
                fields=["dataset"], condition=models.Q(to_check=True), name="sample_to_check"
            ),
        ]

    def __str__(self) -> str:
        return self.name
