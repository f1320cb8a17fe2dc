"""What a policy selects of a dataset."""

from django.db import models

from training.models.datasets import Dataset


class Curation(models.Model):
    """What a policy selects of a dataset at one revision: the funnel, and the size of each cell.

    `cells` holds rows of [split, race, gender, age, count]. `corrections`: sender → how many of
    theirs train.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="curations")
    policy = models.CharField(max_length=20)
    seed = models.IntegerField(default=0)
    revision = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    funnel = models.JSONField()
    cells = models.JSONField()
    corrections = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "policy", "seed"], name="one_curation_per_policy"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.policy}"
