"""The administrators' pages of accounts and groups."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.decorators import action
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
    actions_detail = ("password_link",)

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Link to a new password"),
        url_path="password-link",
        icon="key",
        permissions=["password_link"],
    )
    def password_link(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask, then show a link by which the user chooses a new password, to be handed over."""
        user = self.get_object(request, str(object_id))
        if user is None:
            raise Http404
        if not self.has_password_link_permission(request, object_id):
            raise PermissionDenied
        link = ""
        if request.method == "POST":
            link = request.build_absolute_uri(_new_password_path(user))
            self.log_change(request, user, _("Made a link to a new password."))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Link to a new password"),
            "account": user,
            "link": link,
            "opts": self.opts,
        }
        return render(request, "admin/auth/user/password_link.html", context)

    def has_password_link_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change users; of administrators only another one, or anybody could become
        one."""
        user = self.get_object(request, str(object_id)) if object_id else None
        if user and user.is_superuser and not request.user.is_superuser:
            return False
        return self.has_change_permission(request)

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


def _new_password_path(user: User) -> str:
    """It works once, for PASSWORD_RESET_TIMEOUT."""
    key = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("new_password", args=[key, default_token_generator.make_token(user)])


@admin.register(Group)
class AccountGroupAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups, in the site's looks."""
