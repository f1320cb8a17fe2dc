"""Labels in the admin: columns, filters and a form, made of the declarations."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.lookups import Exact
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from training.attribute_names import label_choices, name_in_words, title
from training.models import Sample
from training.models.labels import label_value
from vision.attributes import ATTRIBUTES, OLDEST_AGE, Attribute

from .columns import column


def label_columns() -> list[Callable[[Any], Any]]:
    """A column of a list for every attribute."""
    return [column(n, name_in_words(n), _in_words, label_value(n)) for n in ATTRIBUTES]


def _in_words(sample: Sample, name: str) -> str:
    """As the form and the filter write it, which are beside it; years as their number."""
    if (value := sample.labels.get(name)) is None:
        return "–"
    return dict(label_choices(name)).get(value, str(value))


def label_filter(attribute: Attribute) -> type[admin.SimpleListFilter]:
    """A filter of samples by the label of an attribute that has labels."""

    class LabelFilter(admin.SimpleListFilter):
        title = name_in_words(attribute.name)
        parameter_name = f"{attribute.name}__exact"

        def lookups(self, _request: HttpRequest, _admin: Any) -> list[Any]:
            return label_choices(attribute.name)

        def queryset(self, _request: HttpRequest, samples: QuerySet[Sample]) -> QuerySet[Sample]:
            numbers = {str(number): number for number, _ in label_choices(attribute.name)}
            if (chosen := numbers.get(self.value() or "")) is None:
                return samples
            return samples.filter(Exact(label_value(attribute.name), chosen))

    return LabelFilter


class LabelsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the labels of a row are; one that is emptied is not said."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.initial |= self.instance.labels

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        answers = {n: self.cleaned_data[n] for n in ATTRIBUTES if n in self.cleaned_data}
        labels = {**self.instance.labels, **answers}
        self.instance.labels = {name: n for name, n in labels.items() if n is not None}


def labels_form() -> type[LabelsForm]:
    """`LabelsForm` with a field for every attribute."""
    return type("LabelsForm", (LabelsForm,), {n: _field(one) for n, one in ATTRIBUTES.items()})


def _field(attribute: Attribute) -> forms.Field:
    name = title(attribute.name)
    if not attribute.labels:
        return forms.IntegerField(
            label=name,
            required=False,
            min_value=0,
            max_value=OLDEST_AGE,
            widget=UnfoldAdminIntegerFieldWidget,
        )
    return forms.TypedChoiceField(
        label=name,
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "–"), *label_choices(attribute.name)],
        widget=UnfoldAdminSelectWidget,
    )
