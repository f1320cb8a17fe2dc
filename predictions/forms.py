"""What visitors fill in."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.attribute_names import label_choices
from vision.attributes import OLDEST_AGE, SHIPPED

from .models import Correction


class CorrectionForm(forms.Form):
    """What a face's labels are, of the heads that are switched on, and the consent to learn it."""

    age = forms.IntegerField(
        label=gettext_lazy("Age in years"), required=False, min_value=0, max_value=OLDEST_AGE
    )
    gender = forms.TypedChoiceField(
        label=gettext_lazy("Gender"), required=False, coerce=int, empty_value=None
    )
    race = forms.TypedChoiceField(
        label=gettext_lazy("Race"), required=False, coerce=int, empty_value=None
    )
    consent = forms.BooleanField(
        label=gettext_lazy(
            "I agree, and so does the person shown, that this face is used to train later "
            "versions of the model."
        ),
        error_messages={
            "required": gettext_lazy(
                "Nothing was kept: without your consent a correction cannot be used."
            )
        },
    )

    def __init__(self, number: int, data: Any = None, correction: Correction | None = None) -> None:
        """`number`: the face's on the page, for ids. `correction`: what was said before."""
        said = {head: getattr(correction, head) for head in SHIPPED} if correction else {}
        super().__init__(data, initial=said, auto_id=f"face-{number}-%s")
        for name in SHIPPED[1:]:
            choices = [("", _("– not said –")), *label_choices(name)]
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        for head in set(SHIPPED) - set(settings.HEADS):
            del self.fields[head]

    @property
    def labels(self) -> dict[str, int | None]:
        """What was filled in, by head."""
        return {head: self.cleaned_data[head] for head in SHIPPED if head in self.fields}

    @property
    def asks_for_all(self) -> bool:
        """Whether every label that learning needs is asked for."""
        return set(SHIPPED) <= self.fields.keys()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        wrong = set(SHIPPED) & self.errors.keys()
        if not wrong and all(cleaned.get(head) is None for head in SHIPPED):
            raise forms.ValidationError(_("Please fill in at least one of the answers."))
        return cleaned
