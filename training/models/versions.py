"""Verified model bundles, of which one serves."""

from typing import Any, TypedDict

from django.db import models
from django.utils.translation import gettext_lazy as _


class StoredFile(TypedDict):
    """What is known of a file in the storage that all machines share."""

    bytes: int
    sha256: str


BundleFiles = dict[str, StoredFile]
"""The files of a bundle by their names."""


class ModelVersion(models.Model):
    """A verified model bundle under MODEL_ROOT; at most one version is active."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    bundle = models.CharField(
        _("bundle"), max_length=100, unique=True, help_text=_("Folder under the model root.")
    )
    manifest = models.JSONField(_("manifest"))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    is_active = models.BooleanField(_("active"), default=False)
    activated_at = models.DateTimeField(_("activated at"), null=True, blank=True)
    previous = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("previous version"),
        help_text="What served when this version took over: where going back leads.",
    )
    files = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        editable=False,
        help_text="The stored files of its bundle; none while it is on one machine only.",
    )
    report = models.JSONField(
        default=dict,
        editable=False,
        help_text="How it does on its held-back test split, by `vision.evaluation.report`.",
    )

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="one_active_version"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures on the held-back test split, as the manifest records them."""
        metrics: dict[str, Any] = self.manifest.get("metrics", {})
        return metrics
