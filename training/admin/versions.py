"""The model versions, for administrators."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from vision.errors import BundleError

from ..models import ModelVersion
from ..registry import activate_version, roll_back


@admin.register(ModelVersion)
class ModelVersionAdmin(ModelAdmin):  # type: ignore[misc]
    """Versions are made by registering a bundle or by training, never by typing."""

    list_display = ("name", "state", "mae", "gender", "race", "created_at", "activated_at")
    readonly_fields = ("name", "bundle", "manifest", "is_active", "created_at", "activated_at")
    actions = ("activate", "go_back")

    @admin.display(description=gettext_lazy("State"))
    def state(self, version: ModelVersion) -> str:
        return _("Serves now") if version.is_active else _("Ready")

    @admin.display(description=gettext_lazy("Age error (years)"))
    def mae(self, version: ModelVersion) -> Any:
        return version.metrics.get("age_mae", "–")

    @admin.display(description=gettext_lazy("Gender accuracy"))
    def gender(self, version: ModelVersion) -> Any:
        return version.metrics.get("gender_accuracy", "–")

    @admin.display(description=gettext_lazy("Race accuracy (5)"))
    def race(self, version: ModelVersion) -> Any:
        return version.metrics.get("race_accuracy", "–")

    @admin.action(description=gettext_lazy("Let the selected version serve"))
    def activate(self, request: HttpRequest, chosen: QuerySet[ModelVersion]) -> None:
        if chosen.count() != 1:
            messages.error(request, _("Please select exactly one version."))
            return
        version = chosen.get()
        try:
            activate_version(version)
        except BundleError as error:
            messages.error(request, _("Nothing was changed. %(reason)s") % {"reason": error})
        else:
            messages.success(request, _("%(name)s serves from now on.") % {"name": version.name})

    @admin.action(description=gettext_lazy("Go back to the version that served before"))
    def go_back(self, request: HttpRequest, _chosen: QuerySet[ModelVersion]) -> None:
        try:
            version = roll_back()
        except BundleError as error:
            messages.error(request, _("Nothing was changed. %(reason)s") % {"reason": error})
        else:
            messages.success(request, _("%(name)s serves from now on.") % {"name": version.name})

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _version: Any = None) -> bool:
        return False
