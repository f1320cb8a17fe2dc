"""What a list of predictions can be narrowed to."""

from django_filters import rest_framework as filters

from predictions.models import Prediction, Status


class PredictionFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=Status.choices)
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    model_version = filters.CharFilter(field_name="model_version__name")

    class Meta:
        model = Prediction
        fields = ("status", "created_after", "created_before", "model_version")
