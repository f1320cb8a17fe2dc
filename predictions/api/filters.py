"""What a list of predictions can be narrowed to."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field

from predictions.models import Prediction, Status
from predictions.search_fields import empty_ranges, search_fields
from predictions.searching import FaceQuery, FileQuery
from predictions.unindexed import unindexed
from training.models import ModelVersion

_MEANINGS = {
    "name": "A part of the file's name, in whatever case.",
    "batch": "Photos of this batch.",
    "faces_min": "Photos that are done, with at least so many faces.",
    "faces_max": "Photos that are done, with at most so many faces.",
    "age_min": "A face of at least this estimated age, in years.",
    "age_max": "A face of at most this estimated age, in years.",
    "confident": "A face whose labels are all shown without “uncertain”, or one with one that is.",
    "clear": "A face of which no warning is given (`quality.reliable`), or one of which there is.",
}


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


class _DeclaredFilter(filters.Filter):  # type: ignore[misc]
    """One by a field that pages have, too. By itself it lets everything through: what is asked for
    together is looked for together (`PredictionFilter.filter_queryset`)."""

    def __init__(self, field: forms.Field) -> None:
        super().__init__(label=field.label)
        self._field = field

    def filter(self, queryset: QuerySet[Prediction], _value: object) -> QuerySet[Prediction]:
        return queryset


def _declared(name: str, field: forms.Field) -> filters.Filter:
    meaning = _MEANINGS.get(name, "A face with this estimated label.")
    described = extend_schema_field({**_schema_of(field), "description": meaning})
    return described(_DeclaredFilter(field))


def _schema_of(field: forms.Field) -> dict[str, Any]:
    match field:
        case forms.IntegerField():
            return {"type": "integer", "minimum": field.min_value, "maximum": field.max_value}
        case forms.ChoiceField():
            choices: Any = field.choices
            return {"type": "string", "enum": [value for value, _title in choices if value]}
        case forms.UUIDField():
            return {"type": "string", "format": "uuid"}
        case forms.CharField():
            return {"type": "string", "maxLength": field.max_length}
    raise TypeError(f"{field!r} is of a kind that no search has had so far.")


class _Parameters(forms.Form):
    def clean(self) -> dict[str, Any]:
        """Refuses bounds that are the wrong way round: an empty list would look like an answer."""
        for low, high in list(empty_ranges(self.cleaned_data)):
            words = gettext(
                "%(low)s lies beyond %(high)s, so nothing can match. Please change one."
            )
            self.add_error(low, words % {"low": low, "high": high})
        return self.cleaned_data


class PredictionFilter(filters.FilterSet):  # type: ignore[misc]
    """Ages and labels are estimates, and all that are asked for are to be of one face."""

    status = filters.ChoiceFilter(choices=Status.choices, method="_of_status")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    model_version = filters.CharFilter(method="_of_version", label=_("model version"))

    class Meta:
        model = Prediction
        form = _Parameters
        fields = ("status", "created_after", "created_before", "model_version")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # In place of the class's, which were made when it was imported.
        self.base_filters = self.get_filters()
        super().__init__(*args, **kwargs)

    def _of_status(
        self, queryset: QuerySet[Prediction], _name: str, status: str
    ) -> QuerySet[Prediction]:
        return self._with(queryset, status=status)

    def _of_version(
        self, queryset: QuerySet[Prediction], _name: str, version: str
    ) -> QuerySet[Prediction]:
        """By its key, which an index has together with the owner."""
        key = ModelVersion.objects.filter(name=version).values_list("pk", flat=True).first()
        return queryset.none() if key is None else self._with(queryset, model_version=key)

    def _with(self, queryset: QuerySet[Prediction], **column: Any) -> QuerySet[Prediction]:
        in_batch = self.form.cleaned_data.get("batch")
        return unindexed(queryset, **column) if in_batch else queryset.filter(**column)

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        declared = {name: _declared(name, field) for name, field in search_fields().items()}
        return {**super().get_filters(), **declared}

    def filter_queryset(self, queryset: QuerySet[Prediction]) -> QuerySet[Prediction]:
        found: QuerySet[Prediction] = super().filter_queryset(queryset)
        wanted = self.form.cleaned_data
        return FaceQuery.of(wanted).narrow(FileQuery.of(wanted).narrow(found))
