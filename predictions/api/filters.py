"""What a list of predictions can be narrowed to."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field

from predictions.models import Prediction, Status
from predictions.searching import LARGEST, FaceQuery, ages_are_searchable, searchable_labels
from training.models import ModelVersion
from vision.attributes import Attribute


class MomentField(IsoDateTimeField):  # type: ignore[misc]
    """A date (its midnight in UTC) or a date and time, as ISO 8601 has them."""

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:  # the first and the last hours of the calendar, elsewhere
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


@extend_schema_field(
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
)
class MomentFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]
    field_class = MomentField


class _IntegerFilter(filters.NumberFilter):  # type: ignore[misc]
    field_class = forms.IntegerField


def _number(words: Any) -> filters.Filter:
    described = extend_schema_field({"type": "integer", "minimum": 0, "maximum": LARGEST})
    made = _IntegerFilter(method=_everything, label=words, min_value=0, max_value=LARGEST)
    return described(made)


def _choice(attribute: Attribute) -> filters.Filter:
    described = extend_schema_field({"type": "string", "enum": list(attribute.labels)})
    choices = [(label, label) for label in attribute.labels]
    return described(
        filters.ChoiceFilter(method=_everything, label=attribute.title, choices=choices)
    )


def _everything(queryset: QuerySet[Prediction], _name: str, _value: object) -> QuerySet[Prediction]:
    return queryset


def _of_faces() -> dict[str, filters.Filter]:
    """What a `FaceQuery` is made of; by itself each lets everything through."""
    ages = {"age_min": _("Estimated age, in years"), "age_max": _("Estimated age, in years")}
    numbers = {"faces_min": _("Number of faces"), "faces_max": _("Number of faces")}
    numbers |= ages if ages_are_searchable() else {}
    return {
        **{name: _number(words) for name, words in numbers.items()},
        **{one.name: _choice(one) for one in searchable_labels()},
    }


class PredictionFilter(filters.FilterSet):  # type: ignore[misc]
    """Ages and labels are estimates, and all that are asked for are to be of one face."""

    status = filters.ChoiceFilter(choices=Status.choices)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    model_version = filters.CharFilter(method="_of_version", label=_("model version"))

    class Meta:
        model = Prediction
        fields = ("status", "created_after", "created_before", "model_version")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # In place of the class's, which were made when it was imported.
        self.base_filters = self.get_filters()
        super().__init__(*args, **kwargs)

    def _of_version(
        self, queryset: QuerySet[Prediction], _name: str, version: str
    ) -> QuerySet[Prediction]:
        """By its key, which an index has together with the owner."""
        key = ModelVersion.objects.filter(name=version).values_list("pk", flat=True).first()
        return queryset.none() if key is None else queryset.filter(model_version=key)

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        return {**super().get_filters(), **_of_faces()}

    def filter_queryset(self, queryset: QuerySet[Prediction]) -> QuerySet[Prediction]:
        found: QuerySet[Prediction] = super().filter_queryset(queryset)
        return FaceQuery.of(self.form.cleaned_data).narrow(found)
