"""Frozen lists of images that every version is scored on, and how each did."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from training.models.labels import Labelled, no_other_labels
from training.models.versions import ModelVersion


class Exam(models.Model):
    """A frozen list of labelled images that every version is scored on; nothing changes it.

    It was the test split of a dataset, whose name it keeps and which may be gone by now. One of
    UTKFace takes the place of one of another dataset, and one with labels of more attributes that
    of one with fewer; what was found on that is kept. `attributes`: what it has labels enough of.
    """

    attributes = models.CharField(max_length=500, default="age,gender,race", editable=False)
    of_utkface = models.BooleanField(default=False, editable=False)
    dataset_name = models.CharField(_("dataset"), max_length=100, editable=False)
    created_at = models.DateTimeField(_("frozen at"), auto_now_add=True)

    class Meta:
        verbose_name = _("exam")
        verbose_name_plural = _("exams")
        ordering = ["-of_utkface", "-pk"]
        constraints = [
            # For each set of attributes; also for two who would freeze one at the same time.
            models.UniqueConstraint(
                fields=["attributes", "of_utkface"], name="one_exam_of_utkface_and_one_before"
            )
        ]

    def __str__(self) -> str:
        return self.dataset_name


class ExamImage(Labelled):
    """One image of an exam: its content, whose file is kept, and its labels as they were frozen."""

    exam = models.ForeignKey(Exam, models.CASCADE, related_name="images")
    position = models.PositiveIntegerField()
    digest = models.CharField("SHA-256", max_length=64, db_index=True)
    age = models.PositiveSmallIntegerField(_("age"))
    gender = models.PositiveSmallIntegerField(_("gender"))
    race = models.PositiveSmallIntegerField(_("race"))

    class Meta:
        ordering = ["exam", "position"]
        constraints = [
            models.UniqueConstraint(fields=["exam", "position"], name="one_image_per_position"),
            models.UniqueConstraint(fields=["exam", "digest"], name="one_image_per_content"),
            no_other_labels("exam_labels_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.exam} · {self.position}"


class ExamOutcome(models.Model):
    """What a version said of every image of an exam.

    `scores`: `vision.evaluation.kept_scores` in the order of the images, NaN for those that the
    version has learnt from or from a copy of. `figures`: those of the others, with their number
    `n`. `by_estimate`: what `vision.evaluation.by_estimate` tells of them; null in outcomes of
    earlier releases until the next examination.
    """

    exam = models.ForeignKey(Exam, models.CASCADE, related_name="outcomes")
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="outcomes")
    scores = models.BinaryField()
    figures = models.JSONField(_("figures"))
    by_estimate = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField(_("examined at"), auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exam", "version"], name="one_outcome_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.version} · {self.exam}"
