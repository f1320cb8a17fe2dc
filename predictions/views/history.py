"""Everything the visitor sent: filtered, in pages, deletable."""

from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from predictions import uploads
from predictions.access import owner_of
from predictions.deletion import erase
from predictions.models import Prediction, Status
from predictions.searching import LARGEST, FaceQuery, ages_are_searchable, searchable_labels
from training.attribute_names import label_title, title
from training.models import ModelVersion
from vision.attributes import OLDEST_AGE, Attribute

from .result import history_entry

PAGE = 24


class HistoryFilter(forms.Form):
    """What the history can be narrowed to."""

    status = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("All")), *Status.choices],
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
    version = forms.ModelChoiceField(
        label=gettext_lazy("Model"),
        required=False,
        queryset=ModelVersion.objects.only("name"),  # the rest of a version is long
        to_field_name="name",
        empty_label=gettext_lazy("All"),
    )
    faces_min = forms.IntegerField(
        label=gettext_lazy("Faces, at least"), required=False, min_value=0, max_value=LARGEST
    )
    faces_max = forms.IntegerField(
        label=gettext_lazy("Faces, at most"), required=False, min_value=0, max_value=LARGEST
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        if ages_are_searchable():
            self.fields["age_min"] = _age(_("Age from"))
            self.fields["age_max"] = _age(_("Age to"))
        for one in searchable_labels():
            self.fields[one.name] = _label(one)

    def narrow(self, predictions: QuerySet[Prediction]) -> QuerySet[Prediction]:
        """The predictions that match; a field that makes no sense narrows nothing."""
        self.is_valid()
        wanted = self.cleaned_data
        if wanted.get("status"):
            predictions = predictions.filter(status=wanted["status"])
        if wanted.get("since"):
            predictions = predictions.filter(created_at__gte=_at(wanted["since"], time.min))
        if wanted.get("until"):
            predictions = predictions.filter(created_at__lte=_at(wanted["until"], time.max))
        if wanted.get("version"):
            predictions = predictions.filter(model_version=wanted["version"])
        return FaceQuery.of(wanted).narrow(predictions)


def _age(words: str) -> forms.Field:
    return forms.IntegerField(label=words, required=False, min_value=0, max_value=OLDEST_AGE)


def _label(attribute: Attribute) -> forms.Field:
    titles = [(label, label_title(attribute.name, label)) for label in attribute.labels]
    choices = [("", _("All")), *titles]
    return forms.ChoiceField(label=title(attribute.name), required=False, choices=choices)


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """A page of the visitor's predictions, newest first."""
    filters = HistoryFilter(request.GET or None)
    own = owner_of(request).predictions().select_related("photo", "model_version")
    found = filters.narrow(own) if filters.is_bound else own
    rows = list(_before(found, request.GET.get("before", "")).prefetch_related("faces")[: PAGE + 1])
    context: dict[str, Any] = {
        "filters": filters,
        "entries": [history_entry(row) for row in rows[:PAGE]],
        "older": _older(request, rows[PAGE - 1]) if len(rows) > PAGE else "",
        "is_filtered": bool(request.GET),
    }
    return render(request, "predictions/history.html", context)


@require_POST
def delete_selected(request: HttpRequest) -> HttpResponse:
    """Delete the predictions that were ticked."""
    chosen = [UUID(pk) for pk in request.POST.getlist("selected") if _is_id(pk)]
    own = owner_of(request).of_those(chosen)
    for prediction in own:
        uploads.delete_prediction(prediction)
    count = len(own)
    messages.success(
        request,
        ngettext("%(count)d result was deleted.", "%(count)d results were deleted.", count)
        % {"count": count},
    )
    return redirect("history")


@require_http_methods(["GET", "HEAD", "POST"])
def delete_everything(request: HttpRequest) -> HttpResponse:
    """Ask, then delete every photo of the visitor."""
    if request.method != "POST":
        return render(request, "predictions/delete_everything.html")
    if erase([owner_of(request)]):
        words = _("Your photos are being deleted. With this many, it takes a few minutes.")
        messages.info(request, words)
    else:
        messages.success(request, _("All your photos and results were deleted."))
    return redirect("upload")


def _at(day: date, hour: time) -> datetime:
    """A moment rather than a date, so that the index on `created_at` serves."""
    return timezone.make_aware(datetime.combine(day, hour))


def _before(rows: QuerySet[Prediction], cursor: str) -> QuerySet[Prediction]:
    """The rows that follow a cursor `time_id`; all of them for an unusable one.

    A page costs the same wherever it lies: the index finds its beginning, nothing is counted.
    """
    created_at, _separator, pk = cursor.partition("_")
    try:
        said = datetime.fromisoformat(created_at)
        moment = said.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: the calendar's ends, in other zones
        return rows
    if said.tzinfo is None or not _is_id(pk):
        return rows
    earlier = Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=UUID(pk))
    return rows.filter(earlier, created_at__lte=moment)


def _older(request: HttpRequest, last: Prediction) -> str:
    """The query string of the next page."""
    kept = {key: value for key, value in request.GET.items() if key != "before"}
    return "?" + urlencode({**kept, "before": f"{last.created_at.isoformat()}_{last.pk}"})


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
