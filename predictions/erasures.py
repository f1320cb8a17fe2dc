"""What the database knows of deletions that take longer than a request."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Erasure(models.Model):
    """That somebody's photos are to be deleted, until they are; see `predictions.deletion`.

    `owner` and `visitor` are as a photo's. It is of the photos that were sent before
    `requested_at`, or, where it `closes_account`, of all, and of the account after the last of
    them.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, editable=False, related_name="+"
    )
    visitor = models.UUIDField(null=True, editable=False, db_index=True)
    closes_account = models.BooleanField(default=False, editable=False)
    requested_at = models.DateTimeField(_("requested at"), editable=False)

    class Meta:
        verbose_name = _("deletion")
        verbose_name_plural = _("deletions")
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.owner_id or self.visitor)
