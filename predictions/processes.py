"""What the database knows of the processes that work for the site."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


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
