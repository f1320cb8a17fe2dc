"""The images of datasets: looked at behind each reason, ruled on, relabelled."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeNumericFilter

from vision.errors import PhotoError
from vision.inspection import as_thumbnail

from .. import files
from ..models import Ruling, Sample
from ..rulings import estimate_in_words, relabel, rule
from .access import for_viewers


class DoubtFilter(admin.SimpleListFilter):
    """By the label that the model doubts."""

    title = gettext_lazy("model disagrees")
    parameter_name = "doubtful_label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _doubted_labels()

    def queryset(self, request: HttpRequest, samples: QuerySet[Sample]) -> QuerySet[Sample]:
        label = self.value()
        return samples.filter(doubtful_label=label) if label else samples


@admin.register(Sample)
class SampleAdmin(ModelAdmin):  # type: ignore[misc]
    """What an administrator rules here has the last word over what cleaning found."""

    list_display = (
        "picture", "file", "age", "gender", "race", "reason", "ruling", "doubtful",
    )  # fmt: skip
    list_filter = (
        "dataset",
        "reason",
        "ruling",
        "gender",
        "race",
        ("age", RangeNumericFilter),
        DoubtFilter,
    )
    # By name, the database would sort a million rows for every page.
    ordering = ("pk",)
    list_filter_submit = True
    list_per_page = 50
    list_select_related = ("dataset",)
    show_full_result_count = False
    search_fields = ("name", "digest")
    search_help_text = gettext_lazy("File name or SHA-256")
    fields = ("large_picture", "dataset", "name", "age", "gender", "race", "found", "ruling")
    readonly_fields = ("large_picture", "dataset", "name", "found")
    actions = ("keep", "drop", "as_cleaned")

    @admin.display(description=gettext_lazy("Image"))
    def picture(self, sample: Sample) -> str:
        return _image(sample, 64)

    @admin.display(description=gettext_lazy("file"), ordering="name")
    def file(self, sample: Sample) -> str:
        return sample.name.rpartition("/")[2]

    @admin.display(description=gettext_lazy("Image"))
    def large_picture(self, sample: Sample) -> str:
        return _image(sample, 200)

    @admin.display(description=gettext_lazy("Model disagrees"), ordering=F("doubt").desc())
    def doubtful(self, sample: Sample) -> str:
        if not sample.suggestion:
            return "–"
        label = dict(_doubted_labels())[sample.doubtful_label]
        return f"{label}: {estimate_in_words(sample)}"

    def get_urls(self) -> list[URLPattern]:
        view = for_viewers(self, self.image)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/image/", view, name="training_sample_image"), *urls]

    def image(self, _request: HttpRequest, pk: int) -> FileResponse | HttpResponse:
        """The image itself, for administrators only."""
        sample = get_object_or_404(Sample, pk=pk)
        try:
            data = as_thumbnail(files.path_of(sample.digest or "-").read_bytes())
        except (OSError, PhotoError):
            raise Http404 from None
        response = HttpResponse(data, content_type="image/jpeg")
        # A correction may be withdrawn at any time, and then no browser shall have it.
        response["Cache-Control"] = "no-store" if sample.sender else "private, max-age=3600"
        return response

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _sample: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, sample: Sample, form: Any, change: bool) -> None:
        if form.changed_data:
            relabel(sample)

    @admin.action(description=gettext_lazy("Use these images"), permissions=["change"])
    def keep(self, request: HttpRequest, chosen: QuerySet[Sample]) -> None:
        self._rule(request, chosen, Ruling.KEEP)

    @admin.action(description=gettext_lazy("Do not use these images"), permissions=["change"])
    def drop(self, request: HttpRequest, chosen: QuerySet[Sample]) -> None:
        self._rule(request, chosen, Ruling.DROP)

    @admin.action(description=gettext_lazy("Take back what was ruled"), permissions=["change"])
    def as_cleaned(self, request: HttpRequest, chosen: QuerySet[Sample]) -> None:
        self._rule(request, chosen, Ruling.NONE)

    def _rule(self, request: HttpRequest, chosen: QuerySet[Sample], ruling: Ruling) -> None:
        count = rule(chosen, ruling)
        messages.success(
            request,
            ngettext("%(count)d image was ruled on.", "%(count)d images were ruled on.", count)
            % {"count": count},
        )


def _doubted_labels() -> list[tuple[str, str]]:
    return [("age", _("Age")), ("gender", _("Gender")), ("race", _("Race"))]


def _image(sample: Sample, side: int) -> str:
    if not sample.digest:
        return _("none")
    url = reverse("admin:training_sample_image", args=[sample.pk])
    return format_html(
        '<img src="{}" width="{}" height="{}" alt="" loading="lazy" class="fr-thumb">',
        url,
        side,
        side,
    )
