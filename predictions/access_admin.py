"""The administrators' pages of API keys and log-ins."""

from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.formats import date_format
from django.utils.timezone import localtime
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
    def created_at(self, key: AuthToken) -> str:
        return _in_words(key.created)

    @admin.display(description=_("expires at"), ordering="expiry")
    def expires_at(self, key: AuthToken) -> str | None:
        return _in_words(key.expiry) if key.expiry else None

    @admin.display(description=_("Last used"))
    def last_used(self, key: AuthToken) -> str:
        details = _details(key)
        moment = details.last_used_at if details else None
        return _in_words(moment) if moment else str(_("Never"))


def _in_words(moment: datetime) -> str:
    """A time where the reader is: a row's page shows what a method gives as it is."""
    return date_format(localtime(moment), "DATETIME_FORMAT")


def _details(key: AuthToken) -> KeyDetails | None:
    return getattr(key, "details", None)


def _named(key: AuthToken) -> str:
    details = _details(key)
    return f"{(details.name if details else '') or _('Unnamed')} ({key.user})"


def _at_a_time(row: AccessLog | AccessAttempt) -> str:
    return f"{row.username or '–'} · {_in_words(row.attempt_time)}"


AuthToken.add_to_class("__str__", _named)
for record in (AccessLog, AccessAttempt):
    record.add_to_class("__str__", _at_a_time)


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
