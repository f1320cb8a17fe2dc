"""What a list of predictions can be narrowed to."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field

from predictions.models import Prediction, Status


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


class PredictionFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=Status.choices)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    model_version = filters.CharFilter(field_name="model_version__name")

    class Meta:
        model = Prediction
        fields = ("status", "created_after", "created_before", "model_version")
