"""The form that a history is narrowed by."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.attribute_names import label_title, title
from training.models import ModelVersion
from vision.attributes import OLDEST_AGE, Attribute

from .access import Owner
from .history_query import HistoryQuery
from .models import Status
from .searching import LARGEST, FaceQuery, ages_are_searchable, searchable_labels

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_ANY = ("", gettext_lazy("All"))
_YES, _NO = "yes", "no"


def _either(
    label: "_StrPromise", *, yes: "_StrPromise", no: "_StrPromise"
) -> forms.TypedChoiceField:
    """True, False, or None where all are wanted."""
    return forms.TypedChoiceField(
        label=label,
        required=False,
        choices=[_ANY, (_YES, yes), (_NO, no)],
        coerce=lambda word: word == _YES,
        empty_value=None,
    )


class HistoryFilter(forms.Form):
    """What somebody's history can be narrowed to; a field that makes no sense narrows nothing."""

    status = forms.ChoiceField(
        label=gettext_lazy("State"), required=False, choices=[_ANY, *Status.choices]
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
    faces_min = forms.IntegerField(
        label=gettext_lazy("Faces, at least"), required=False, min_value=0, max_value=LARGEST
    )
    faces_max = forms.IntegerField(
        label=gettext_lazy("Faces, at most"), required=False, min_value=0, max_value=LARGEST
    )
    confident = _either(
        gettext_lazy("Confidence"),
        yes=gettext_lazy("Nothing uncertain"),
        no=gettext_lazy("Something uncertain"),
    )
    clear = _either(
        gettext_lazy("Quality of the face"),
        yes=gettext_lazy("Good enough"),
        no=gettext_lazy("Poor (small, blurred, turned …)"),
    )
    version = forms.ModelChoiceField(
        label=gettext_lazy("Model"),
        required=False,
        queryset=ModelVersion.objects.none(),
        to_field_name="name",
        empty_label=_ANY[1],
    )

    ALWAYS_SHOWN = ("status", "since", "until", "order")

    def __init__(self, owner: Owner, data: Any = None) -> None:
        super().__init__(data)
        versions: Any = self.fields["version"]
        versions.queryset = _versions_of(owner)
        if ages_are_searchable():
            self.fields["age_min"] = _age(_("Age from"))
            self.fields["age_max"] = _age(_("Age to"))
        for one in searchable_labels():
            self.fields[one.name] = _label(one)

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
            faces=FaceQuery.of(wanted),
            oldest_first=wanted.get("order") == "oldest",
        )


def _versions_of(owner: Owner) -> QuerySet[ModelVersion]:
    """Those that the owner has results of: an index is asked once for each version."""
    results = owner.predictions().filter(model_version=OuterRef("pk")).order_by()
    return ModelVersion.objects.filter(Exists(results)).only("name")  # the rest of it is long


def _age(words: str) -> forms.Field:
    return forms.IntegerField(label=words, required=False, min_value=0, max_value=OLDEST_AGE)


def _label(attribute: Attribute) -> forms.Field:
    titles = [(label, label_title(attribute.name, label)) for label in attribute.labels]
    choices = [("", _("All")), *titles]
    return forms.ChoiceField(label=title(attribute.name), required=False, choices=choices)


def _at(day: date | None, hour: time) -> datetime | None:
    """A moment rather than a date, so that the index on `created_at` serves."""
    return timezone.make_aware(datetime.combine(day, hour)) if day else None
