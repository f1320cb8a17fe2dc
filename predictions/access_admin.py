"""The administrators' pages of API keys and log-ins."""

from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from training.long_lists import LongListAdmin

from .api_keys import KeyDetails

for kind in (AuthToken, AccessLog, AccessAttempt, AccessFailureLog):
    if admin.site.is_registered(kind):
        admin.site.unregister(kind)

# Nobody would look for what the packages call themselves and their rows.
for package in ("auth", "axes", "knox"):
    apps.get_app_config(package).verbose_name = _("Access")
for model, one, several in (
    (AuthToken, _("API key"), _("API keys")),
    (AccessLog, _("log-in"), _("log-ins")),
    (AccessAttempt, _("failed log-in"), _("failed log-ins")),
):
    model._meta.verbose_name, model._meta.verbose_name_plural = one, several


class _RecordAdmin(LongListAdmin):
    """Rows that are looked at and deleted, never typed."""

    list_display_links = None

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False


@admin.register(AuthToken)
class KeyAdmin(_RecordAdmin):
    """Keys by name and owner; deleting one revokes it. What is stored of the key itself is shown to
    nobody."""

    empty_step = (reverse_lazy("api_keys"), _("Create a key of your own"))
    list_display = ("name", "owner", "created_at", "expires_at", "last_used")
    list_select_related = ("user", "details")
    search_fields = ("user__username", "details__name")
    ordering = ("-created",)
    fields = list_display
    readonly_fields = fields

    @admin.display(description=_("Name"))
    def name(self, key: AuthToken) -> str:
        details = _details(key)
        return (details.name if details else "") or str(_("Unnamed"))

    # The package does not have the names of its own fields translated.
    @admin.display(description=_("owner"), ordering="user")
    def owner(self, key: AuthToken) -> str:
        return str(key.user)

    @admin.display(description=_("created at"), ordering="created")
    def created_at(self, key: AuthToken) -> datetime:
        created: datetime = key.created
        return created

    @admin.display(description=_("expires at"), ordering="expiry")
    def expires_at(self, key: AuthToken) -> datetime | None:
        expiry: datetime | None = key.expiry
        return expiry

    @admin.display(description=_("Last used"))
    def last_used(self, key: AuthToken) -> datetime | str:
        details = _details(key)
        return (details.last_used_at if details else None) or str(_("Never"))


def _details(key: AuthToken) -> KeyDetails | None:
    return getattr(key, "details", None)


def _named(key: AuthToken) -> str:
    details = _details(key)
    return f"{(details.name if details else '') or _('Unnamed')} ({key.user})"


AuthToken.add_to_class("__str__", _named)


@admin.register(AccessLog)
class LogInAdmin(_RecordAdmin):
    list_display = ("attempt_time", "username", "ip_address", "user_agent", "logout_time")
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = ("attempt_time", "username", "ip_address", "user_agent", "logout_time")
    readonly_fields = fields


@admin.register(AccessAttempt)
class FailedLogInAdmin(_RecordAdmin):
    """Deleting a row lets its name try again at once from its address."""

    list_display = (
        "attempt_time", "username", "ip_address", "user_agent", "failures_since_start",
    )  # fmt: skip
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = list_display
    readonly_fields = fields
