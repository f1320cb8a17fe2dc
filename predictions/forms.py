"""What visitors fill in."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.attribute_names import label_choices, title
from vision.attributes import ATTRIBUTES, OLDEST_AGE, SHIPPED, Attribute

from .models import Correction


class CorrectionForm(forms.Form):
    """What a face's labels are, of the heads that are switched on, and the consent to learn it."""

    consent = forms.BooleanField(
        label=gettext_lazy(
            "I agree, and so does the person shown, to the use of this face for training later "
            "versions of the model."
        ),
        error_messages={
            "required": gettext_lazy(
                "Nothing was saved: without your consent a correction cannot be used."
            )
        },
    )

    def __init__(self, number: int, data: Any = None, correction: Correction | None = None) -> None:
        """`number`: the face's on the page, for ids. `correction`: what was said before."""
        said = correction.labels if correction else {}
        super().__init__(data, initial=said, auto_id=f"face-{number}-%s")
        self._asked = [one for name, one in ATTRIBUTES.items() if name in settings.HEADS]
        self.fields = {**{one.name: _field(one) for one in self._asked}, **self.fields}

    @property
    def labels(self) -> dict[str, int | None]:
        """What was filled in, by attribute."""
        return {one.name: self.cleaned_data[one.name] for one in self._asked}

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
