"""What accounts are made of and kept in order with."""

import logging
import threading
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import (
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    UserCreationForm,
)
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import quota

MAIL_THREAD = "mail"

logger = logging.getLogger(__name__)

_NAME_HELP = gettext_lazy("Letters, digits and @ . + - _")
_PASSWORD_HELP = gettext_lazy(
    "At least 8 characters. Not only digits, not close to your user name, and not a password that "
    "many people use."
)
_MAIL_HELP = gettext_lazy("Optional. Only for a link to choose a new password if you forget yours.")
# So many links an hour go to one mailbox, and may be asked for from one network.
_LINKS_PER_HOUR = {"mailbox": 3, "network": 20}


class SignupForm(UserCreationForm):  # type: ignore[type-arg]
    """A name and a password; where mail is sent, an address if one likes."""

    class Meta(UserCreationForm.Meta):
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = _NAME_HELP
        self.fields["password1"].help_text = _PASSWORD_HELP
        self.fields["password2"].help_text = ""
        self.fields["email"].help_text = _MAIL_HELP
        self.order_fields(["username", "password1", "password2", "email"])
        if not settings.MAIL_IS_SENT:
            del self.fields["email"]


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """A new password, of somebody who came by a link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = _PASSWORD_HELP
        self.fields["new_password2"].help_text = ""


class ChangePasswordForm(NewPasswordForm, PasswordChangeForm):
    """A new password beside the present one."""

    field_order = ("old_password", "new_password1", "new_password2")


class MailAddressForm(forms.Form):
    """The address of an account, or none; changed by whoever knows the password, since links to a
    new password go there."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        max_length=254,
        help_text=_MAIL_HELP,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, initial={"email": user.email})
        self._user = user

    def clean_password(self) -> None:
        """Raises ValidationError for a wrong one. Guessing is up to
        `faceroute_site.password_tries`."""
        if not self._user.check_password(self.cleaned_data["password"]):
            raise forms.ValidationError(_("This is not your password. Nothing was changed."))

    def save(self) -> None:
        rows = User.objects.filter(pk=self._user.pk)  # none where the account was deleted meanwhile
        rows.update(email=self.cleaned_data["email"])


class ForgottenPasswordForm(PasswordResetForm):
    """Where a link to a new password is to be sent."""

    def send_mail(self, *args: Any, **_: Any) -> None:
        """Aside, so that how long the answer takes does not tell whether there is an account."""
        subject_template, body_template, context, sender, recipient = args
        subject = render_to_string(subject_template, context).strip()
        body = render_to_string(body_template, context)
        mail = EmailMessage(subject, body, sender, [recipient])
        threading.Thread(target=_send, args=[mail], name=MAIL_THREAD).start()

    def save(self, *args: Any, **kwargs: Any) -> None:
        request = kwargs["request"]
        asked = {
            "network": quota.network(request.META.get("REMOTE_ADDR", "")),
            "mailbox": self.cleaned_data["email"].lower(),
        }
        limits = _LINKS_PER_HOUR.items()
        if all(quota.take_one_of(kind, asked[kind], most) for kind, most in limits):
            super().save(*args, **kwargs)


def _send(mail: EmailMessage) -> None:
    try:
        mail.send()
    except Exception:
        logger.exception("A link to a new password could not be sent.")
