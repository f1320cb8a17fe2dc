"""What visitors fill in."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from training.attribute_names import label_choices, title
from vision.attributes import ATTRIBUTES, OLDEST_AGE, SHIPPED, Attribute

from .api_keys import LONGEST_NAME, lifetimes, validate_name
from .models import Correction


class CorrectionForm(forms.Form):
    """What a face's labels are, of the heads that are switched on; and, as a choice of its own, the
    consent to learn it."""

    consent = forms.BooleanField(
        label=gettext_lazy(
            "I agree, and so does the person shown, to the use of this face for training later "
            "versions of the model."
        ),
        required=False,
    )

    def __init__(self, number: int, data: Any = None, correction: Correction | None = None) -> None:
        """`number`: the face's on the page, for ids. `correction`: what was said before."""
        said = {**correction.labels, "consent": correction.consented_at} if correction else {}
        super().__init__(data, initial=said, auto_id=f"face-{number}-%s")
        self._asked = [one for name, one in ATTRIBUTES.items() if name in settings.HEADS]
        self.fields = {**{one.name: _field(one) for one in self._asked}, **self.fields}

    @property
    def labels(self) -> dict[str, int | None]:
        """What was filled in, by attribute."""
        return {one.name: self.cleaned_data[one.name] for one in self._asked}

    @property
    def consents(self) -> bool:
        """Whether it may be learnt from."""
        return bool(self.cleaned_data["consent"])

    @property
    def asks_for_all(self) -> bool:
        """Whether every label that learning needs is asked for."""
        return set(SHIPPED) <= self.fields.keys()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        asked = {one.name for one in self._asked}
        if not asked & self.errors.keys() and all(cleaned.get(name) is None for name in asked):
            raise forms.ValidationError(_("Please fill in at least one of the answers."))
        return cleaned


def _field(attribute: Attribute) -> forms.Field:
    """Asks for an attribute of a face; nothing needs to be said of it."""
    if not attribute.labels:
        words = _("Age in years")
        return forms.IntegerField(label=words, required=False, min_value=0, max_value=OLDEST_AGE)
    return forms.TypedChoiceField(
        label=title(attribute.name),
        choices=[("", _("Not stated")), *label_choices(attribute.name)],
        required=False,
        coerce=int,
        empty_value=None,
    )


class NewKeyForm(forms.Form):
    """What a new API key is called, and for how many days it works."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        validators=[validate_name],
        help_text=gettext_lazy("What the key is for, so that you recognise it in this list."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Valid for"),
        coerce=int,
        choices=lambda: [(days, _lifetime(days)) for days in lifetimes()],
        initial=lambda: lifetimes()[-1],
    )


def _lifetime(days: int) -> str:
    if days == 365:
        return _("1 year")
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


class DeleteAccountForm(forms.Form):
    """The password of whoever wants their account deleted."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        self._user = user

    def clean_password(self) -> None:
        """Raises ValidationError for a wrong one. Guessing is up to
        `faceroute_site.password_tries`."""
        if not self._user.check_password(self.cleaned_data["password"]):
            raise forms.ValidationError(_("This is not your password. Nothing was deleted."))
