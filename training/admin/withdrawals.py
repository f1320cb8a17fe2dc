"""Corrections that were withdrawn, and which versions had learnt from them by then."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from training.datasets.corrections import learnt_by
from training.long_lists import LongListAdmin
from training.models import Withdrawal


@admin.register(Withdrawal)
class WithdrawalAdmin(LongListAdmin):
    """What was withdrawn is gone from datasets; what versions made of it is not."""

    list_display = ("withdrawn_at", "content", "versions")
    list_display_links = None
    list_per_page = 50

    @admin.display(description="SHA-256")
    def content(self, withdrawal: Withdrawal) -> str:
        return str(withdrawal)

    @admin.display(description=gettext_lazy("Versions trained on it"))
    def versions(self, withdrawal: Any) -> str:
        return ", ".join(withdrawal.learnt_by) or "–"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The lists of what versions have learnt from are read once for the whole page."""
        page: Any = super().changelist_view(request, extra_context)
        if changes := (getattr(page, "context_data", None) or {}).get("cl"):
            names = learnt_by([withdrawal.digest for withdrawal in changes.result_list])
            for withdrawal in changes.result_list:
                withdrawal.learnt_by = names.get(withdrawal.digest, ())
        answer: HttpResponse = page
        return answer

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False
