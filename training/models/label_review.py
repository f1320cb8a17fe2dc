"""Labels that look wrong, and what people say of them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from training.models.datasets import GenderLabel, RaceLabel, Sample


class LabelName(models.TextChoices):
    AGE = "age", _("Age")
    GENDER = "gender", _("Gender")
    RACE = "race", _("Race")


class LabelIssue(models.Model):
    """A label that a model which had not seen it would not give. Of test images there is none.

    `score` is in 0..1 and compares with others of the same label alone. `suggestion` is what the
    model would have said: years, or the name of a gender or a race.
    """

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="label_issues")
    label = models.CharField(max_length=6, choices=LabelName)
    score = models.FloatField(_("score"))
    suggestion = models.CharField(_("model's estimate"), max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "label"], name="one_issue_per_label")
        ]
        indexes = [models.Index(fields=["label", "-score"], name="issue_by_label")]

    def __str__(self) -> str:
        return f"{self.sample}: {self.label}"

    @property
    def value(self) -> int:
        """The number that stands for the suggestion."""
        return int(self.suggestion if self.label == LabelName.AGE else self._choice.value)

    @property
    def in_words(self) -> str:
        """The suggestion as people say it."""
        return str(self.suggestion if self.label == LabelName.AGE else self._choice.label)

    @property
    def _choice(self) -> GenderLabel | RaceLabel:
        choices = GenderLabel if self.label == LabelName.GENDER else RaceLabel
        return choices[self.suggestion.upper()]


class Annotation(models.Model):
    """What one person says the labels of an image are; a label is null where they say nothing."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="annotations")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    age = models.PositiveSmallIntegerField(_("age"), null=True)
    gender = models.PositiveSmallIntegerField(_("gender"), null=True, choices=GenderLabel)
    race = models.PositiveSmallIntegerField(_("race"), null=True, choices=RaceLabel)
    said_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "annotator"], name="one_annotation_each")
        ]

    def __str__(self) -> str:
        labels = [self.age, self.get_gender_display(), self.get_race_display()]
        words = " · ".join("–" if label is None else str(label) for label in labels)
        return f"{self.annotator or '–'}: {words}"
