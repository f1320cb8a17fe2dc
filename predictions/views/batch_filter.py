"""What the table of a batch can be narrowed to."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.batches import listing
from predictions.presentation import CONFIDENT
from predictions.search_fields import refuse_empty_ranges
from predictions.searching import ages_are_searchable, searchable_labels
from training.attribute_names import label_title, title
from vision.attributes import OLDEST_AGE


class BatchFilter(forms.Form):
    """What the table can be narrowed to; what makes no sense narrows nothing."""

    show = forms.ChoiceField(
        label=gettext_lazy("Show"),
        required=False,
        choices=[
            ("", gettext_lazy("All")),
            (listing.FACES, gettext_lazy("Faces")),
            (listing.NO_FACE, gettext_lazy("Photos without a face")),
            (listing.FAILED, gettext_lazy("Failed")),
            (listing.REFUSED, gettext_lazy("Refused")),
        ],
    )
    name = forms.CharField(label=gettext_lazy("File name"), required=False, max_length=255)
    confidence = forms.ChoiceField(
        label=gettext_lazy("Confidence"),
        required=False,
        choices=[
            ("", gettext_lazy("All")),
            ("certain", gettext_lazy("certain")),
            ("uncertain", gettext_lazy("uncertain")),
        ],
    )
    quality = forms.ChoiceField(
        label=gettext_lazy("Quality"),
        required=False,
        choices=[
            ("", gettext_lazy("All")),
            ("good", gettext_lazy("good")),
            ("warned", gettext_lazy("with a warning")),
        ],
    )
    sort = forms.CharField(required=False, widget=forms.HiddenInput)
    page = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        asked: dict[str, forms.Field] = {}
        for one in searchable_labels():
            choices = [
                ("", _("All")),
                *((name, label_title(one.name, name)) for name in one.labels),
            ]
            asked[one.name] = forms.ChoiceField(
                label=title(one.name), required=False, choices=choices
            )
        if ages_are_searchable():
            for name, word in (("age_min", _("Age from")), ("age_max", _("Age to"))):
                asked[name] = forms.IntegerField(
                    label=word, required=False, min_value=0, max_value=OLDEST_AGE
                )
        first = {name: self.fields.pop(name) for name in ("show", "name")}
        self.fields = {**first, **asked, **self.fields}
        self.is_valid()

    def clean(self) -> dict[str, Any]:
        refuse_empty_ranges(self)
        return self.cleaned_data

    @property
    def wanted(self) -> listing.Wanted:
        told = self.cleaned_data
        confidence, quality = told.get("confidence"), told.get("quality")
        return listing.Wanted(
            show=told.get("show") or "",
            name=told.get("name") or "",
            labels={one.name: told[one.name] for one in searchable_labels() if told.get(one.name)},
            youngest=told.get("age_min"),
            oldest=told.get("age_max"),
            least_sure=CONFIDENT if confidence == "certain" else None,
            surest=CONFIDENT if confidence == "uncertain" else None,
            is_clear={"good": True, "warned": False}.get(quality or ""),
            sort=told.get("sort") or "",
        )
