"""What administrators see of predictions: states and figures, never a photo or an estimate.

Photos belong to the people who sent them; running the site gives nobody a reason to look.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from .models import Prediction


@admin.register(Prediction)
class PredictionAdmin(ModelAdmin):  # type: ignore[misc]
    """Read-only: rows change through the worker and their owners alone."""

    list_display = ("id", "status", "model_version", "created_at", "took_ms", "failure_code")
    list_filter = ("status", "model_version")
    ordering = ("-created_at", "-id")
    show_full_result_count = False
    fields = (
        "id",
        "status",
        "model_version",
        "created_at",
        "finished_at",
        "took_ms",
        "attempts",
        "failure_code",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("model_version")
        return rows.defer("model_version__manifest", "model_version__report")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class AccountAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class AccountGroupAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups, in the site's looks."""
