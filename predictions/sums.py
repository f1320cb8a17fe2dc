"""What remains of photos that are gone: how many there were on a day, and what was estimated."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DailySum(models.Model):
    """How often something was the case on a day (UTC): a number, of nobody.

    `what` and `label` are told by `predictions.daily_sums`, which alone writes them.
    """

    day = models.DateField(_("day"))
    what = models.CharField(max_length=40)
    label = models.CharField(max_length=40)
    count = models.PositiveIntegerField(_("count"))

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["day", "what", "label"], name="one_sum_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.what} {self.label}: {self.count}"


class SummedUpTo(models.Model):
    """Until when finished predictions are in the daily sums; the one row has the key 1."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    finished_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_summed_up_to", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"{self.finished_at:%Y-%m-%d %H:%M:%S}"
