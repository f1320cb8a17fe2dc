"""The form that a history is narrowed by."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.models import ModelVersion

from .access import Owner
from .history_query import HistoryQuery
from .models import Status
from .search_fields import ANY, refuse_empty_ranges, search_fields
from .searching import FaceQuery, FileQuery, key_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# So many batches are offered to choose from.
_BATCHES = 50


class HistoryFilter(forms.Form):
    """What somebody's history can be narrowed to; a field that makes no sense narrows nothing."""

    status = forms.ChoiceField(
        label=gettext_lazy("State"), required=False, choices=[ANY, *Status.choices]
    )
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    order = forms.ChoiceField(
        label=gettext_lazy("Order"),
        required=False,
        choices=[("", gettext_lazy("Newest first")), ("oldest", gettext_lazy("Oldest first"))],
    )
    version = forms.ModelChoiceField(
        label=gettext_lazy("Model"),
        required=False,
        queryset=ModelVersion.objects.none(),
        to_field_name="name",
        empty_label=ANY[1],
    )

    ALWAYS_SHOWN = ("status", "since", "until", "order")

    def __init__(self, owner: Owner, data: Any = None) -> None:
        super().__init__(data)
        versions: Any = self.fields.pop("version")
        versions.queryset = _versions_of(owner)
        self.fields |= search_fields() | {"version": versions}
        batches = _batches_of(owner, str(self["batch"].data or ""))
        self.fields["batch"].widget = forms.Select(choices=batches)

    def clean(self) -> dict[str, Any]:
        refuse_empty_ranges(self)
        return self.cleaned_data

    @property
    def first_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ALWAYS_SHOWN]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.ALWAYS_SHOWN]

    @property
    def asks_for_more(self) -> bool:
        """Whether one of the fields that are folded away is filled in."""
        return any(field.data for field in self.more_fields)

    @property
    def query(self) -> HistoryQuery:
        if not self.is_bound:
            return HistoryQuery()
        self.is_valid()
        wanted, version = self.cleaned_data, self.cleaned_data.get("version")
        return HistoryQuery(
            status=wanted.get("status") or "",
            since=_at(wanted.get("since"), time.min),
            until=_at(wanted.get("until"), time.max),
            version=version and version.pk,
            files=FileQuery.of(wanted),
            faces=FaceQuery.of(wanted),
            oldest_first=wanted.get("order") == "oldest",
        )


def _batches_of(owner: Owner, asked: str) -> list[tuple[str, "str | _StrPromise"]]:
    """The newest to choose from, and whichever is asked for."""
    newest = owner.batches().order_by("-created_at", "-pk").values_list("pk", "name")[:_BATCHES]
    found = {str(pk): name for pk, name in newest}
    if asked not in found and (key := key_of(asked)):
        name = owner.batches().filter(pk=key).values_list("name", flat=True).first()
        found[asked] = name or _("A deleted batch")
    return [ANY, *found.items()]


def _versions_of(owner: Owner) -> QuerySet[ModelVersion]:
    """Those that the owner has results of: an index is asked once for each version."""
    results = owner.predictions().filter(model_version=OuterRef("pk")).order_by()
    return ModelVersion.objects.filter(Exists(results)).only("name")  # the rest of it is long


def _at(day: date | None, hour: time) -> datetime | None:
    """A moment rather than a date, so that the index on `created_at` serves."""
    return timezone.make_aware(datetime.combine(day, hour)) if day else None
