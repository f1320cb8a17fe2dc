"""What files hold, in whichever datasets, and what was taken out of them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SplitName(models.TextChoices):
    """The splits of `vision.data.selection`, nearest to learning first."""

    TRAIN = "train", _("Training")
    VALIDATION = "validation", _("Validation")
    TEST = "test", _("Test")


class Content(models.Model):
    """What a file holds, once, in however many datasets and under however many names.

    `split` is fixed when the content first comes, before anything is selected, and stays when all
    its samples go; it only ever moves nearer to learning. `group`: contents of one group show one
    picture and have one split; it is the lowest key among them. `compared`: whether near copies of
    it have been looked for among the contents that datasets show. `is_correction`: a sender gave
    it; it learns, is never examined on, and moves no other content. `is_stored`: its file is in the
    storage that all machines share, if there is one; before, on the machine that imported it.
    """

    digest = models.CharField("SHA-256", max_length=64, unique=True)
    perceptual_hash = models.CharField(max_length=16)
    split = models.CharField(_("split"), max_length=10, choices=SplitName)
    group = models.BigIntegerField(db_index=True)
    compared = models.BooleanField(default=False)
    is_correction = models.BooleanField(default=False)
    is_stored = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            # Few are ever waiting, so that asking whether any is costs nothing.
            models.Index(
                fields=["id"], condition=models.Q(compared=False), name="content_to_compare"
            ),
            models.Index(
                fields=["id"], condition=models.Q(is_correction=True), name="content_of_correction"
            ),
            models.Index(
                fields=["id"], condition=models.Q(is_stored=False), name="content_to_store"
            ),
        ]

    def __str__(self) -> str:
        return self.digest


class Withdrawal(models.Model):
    """A correction that was taken out of datasets again: versions may have learnt from it.

    `digest` is all that is kept of it, for telling which; nothing of the picture can be told from
    that, nor who sent it.
    """

    digest = models.CharField("SHA-256", max_length=64, unique=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), auto_now_add=True)

    class Meta:
        verbose_name = _("withdrawn correction")
        verbose_name_plural = _("withdrawn corrections")
        ordering = ["-withdrawn_at", "-pk"]

    def __str__(self) -> str:
        return self.digest[:16]
