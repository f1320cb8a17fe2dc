"""The administrators' pages of accounts and groups."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from training.long_lists import LongListAdmin

from .access import Owner
from .deletion import erase
from .models import Correction, Photo, Prediction

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class AccountAdmin(UserAdmin, LongListAdmin):  # type: ignore[misc, type-arg]
    """Accounts go with their photos, however many those are."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def going_along(self, rows: QuerySet[Any]) -> list[QuerySet[Any]]:
        photos = Photo.objects.filter(owner__in=rows).order_by()
        predictions = Prediction.objects.filter(owner__in=rows).order_by()
        corrections = Correction.objects.filter(face__prediction__owner__in=rows).order_by()
        keys = AuthToken.objects.filter(user__in=rows).order_by()
        return [photos, predictions, corrections, keys]

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._erase(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._erase(request, queryset)

    def _erase(self, request: HttpRequest, users: Iterable[User]) -> None:
        left = erase((Owner(user_id=one.pk) for one in users), close_accounts=True)
        if left:
            words = ngettext(
                "%(count)d account is closed; it goes once its photos are deleted, which takes a "
                "few minutes.",
                "%(count)d accounts are closed; they go once their photos are deleted, which "
                "takes a few minutes.",
                left,
            )
            messages.warning(request, words % {"count": left})


@admin.register(Group)
class AccountGroupAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups, in the site's looks."""
