"""Labels that look wrong, and what people say of them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from training.attribute_names import value_in_words
from training.models.datasets import Sample
from training.models.labels import Labelled, no_other_labels
from vision.attributes import ATTRIBUTES


class LabelIssue(models.Model):
    """A label that a model which had not seen it would not give. Of test images there is none.

    `score` is in 0..1 and compares with others of the same label alone. `suggestion` is what the
    model would have said: years, or a label by its name.
    """

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="label_issues")
    label = models.CharField(max_length=100)
    score = models.FloatField(_("score"))
    suggestion = models.CharField(_("model's estimate"), max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "label"], name="one_issue_per_label")
        ]
        indexes = [models.Index(fields=["label", "-score"], name="issue_by_label")]

    def __str__(self) -> str:
        return f"{self.sample}: {self.label}"

    @property
    def value(self) -> int | None:
        """The number that stands for the suggestion; None where there is none: the attribute is not
        declared any more, or without such a label, or no face has that age."""
        attribute = ATTRIBUTES.get(self.label)
        if attribute is None:
            return None
        if attribute.labels:
            known = self.suggestion in attribute.labels
            return attribute.labels.index(self.suggestion) if known else None
        return years if attribute.holds(years := int(self.suggestion)) else None

    @property
    def in_words(self) -> str:
        """The suggestion as people say it; one that is not known stays."""
        value = self.value
        return self.suggestion if value is None else value_in_words(self.label, value)


class Annotation(Labelled):
    """What one person says the labels of an image are; a label is null where they say nothing."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="annotations")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    age = models.PositiveSmallIntegerField(_("age"), null=True)
    gender = models.PositiveSmallIntegerField(_("gender"), null=True)
    race = models.PositiveSmallIntegerField(_("race"), null=True)
    said_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "annotator"], name="one_annotation_each"),
            no_other_labels("annotation_labels_in_range"),
        ]

    def __str__(self) -> str:
        said = self.labels
        words = (value_in_words(name, said[name]) if name in said else "–" for name in ATTRIBUTES)
        return f"{self.annotator or '–'}: {' · '.join(words)}"
