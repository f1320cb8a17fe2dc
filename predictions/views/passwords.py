"""Passwords: changed by whoever knows the present one, or by a link that works once."""

from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth
from django.contrib.auth.models import User
from django.contrib.messages.views import SuccessMessageMixin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from predictions.account_forms import ChangePasswordForm, ForgottenPasswordForm, NewPasswordForm


class ChangePassword(SuccessMessageMixin, auth.PasswordChangeView):  # type: ignore[type-arg]
    template_name = "accounts/password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("account")
    success_message = gettext_lazy("Your password was changed.")


class Forgotten(auth.PasswordResetView):
    """Sends a link, where mail is sent; the answer is the same whoever has such an address."""

    template_name = "accounts/forgotten.html"
    form_class = ForgottenPasswordForm
    subject_template_name = "accounts/mail/new_password_subject.txt"
    email_template_name = "accounts/mail/new_password.txt"
    success_url = reverse_lazy("link_sent")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        told = {"mail_is_sent": settings.MAIL_IS_SENT, "contact": settings.CONTACT}
        return super().get_context_data(**context, **told)

    def form_valid(self, form: Any) -> HttpResponse:
        if settings.MAIL_IS_SENT:
            return super().form_valid(form)
        return self.render_to_response(self.get_context_data(form=form))


@require_safe
def link_sent(request: HttpRequest) -> HttpResponse:
    """What to expect, whether or not something was sent."""
    return render(request, "accounts/link_sent.html")


class NewPassword(SuccessMessageMixin, auth.PasswordResetConfirmView):  # type: ignore[type-arg]
    """Where such a link leads. Django moves its token to the session, so the page's own address is
    no secret; with `Referrer-Policy: no-referrer` browsers would send the form's origin as “null”,
    which the CSRF check refuses."""

    template_name = "accounts/new_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("login")
    success_message = gettext_lazy("Your password was changed. You can log in with it now.")

    def form_valid(self, form: Any) -> HttpResponse:
        """The link works once, also where it was opened twice and both forms come at once; to save
        an account that was deleted meanwhile would make it anew."""
        token = self.request.session.get(auth.INTERNAL_RESET_SESSION_TOKEN)
        with transaction.atomic():
            user = User.objects.select_for_update().filter(pk=form.user.pk).first()
            if user and self.token_generator.check_token(user, token):
                return super().form_valid(form)
        self.validlink = False
        return self.render_to_response(self.get_context_data())
