"""The images of datasets: looked at behind each reason, ruled on, relabelled."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Value
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import RangeNumericFilter

from training.attribute_names import title
from training.datasets import annotations, stored_contents
from training.datasets.annotations import annotate
from training.datasets.contents import of_sample
from training.datasets.overrides import relabel, rule
from training.long_lists import LongListAdmin
from vision.attributes import AGE, ATTRIBUTES, labelled
from vision.data.inspection import as_thumbnail
from vision.errors import PhotoError

from ..models import Override, Sample, SplitName
from .access import for_viewers
from .labels import label_columns, label_filter, labels_form


class LabelIssueFilter(admin.SimpleListFilter):
    """By the label that the model issues."""

    title = gettext_lazy("model disagrees")
    parameter_name = "doubtful_label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, title(name)) for name in ATTRIBUTES]

    def queryset(self, request: HttpRequest, samples: QuerySet[Sample]) -> QuerySet[Sample]:
        label = self.value()
        return samples.filter(label_issues__label=label) if label else samples


@admin.register(Sample)
class SampleAdmin(LongListAdmin):
    """What an administrator rules here has the last word over what cleaning found.

    Whoever labels a test image sees no estimate of it: there are label issues of other images
    alone.
    """

    empty_step = (
        reverse_lazy("admin:training_dataset_import_files"),
        gettext_lazy("Import images"),
    )
    # By name, the database would sort a million rows for every page.
    ordering = ("pk",)
    list_filter_submit = True
    list_per_page = 50
    list_select_related = ("dataset",)
    search_fields = ("name", "digest")
    search_help_text = gettext_lazy("File name or SHA-256")
    readonly_fields = ("large_picture", "dataset", "name", "split", "said", "issues", "found")
    actions = ("keep", "drop", "as_cleaned")

    def get_list_display(self, _request: HttpRequest) -> list[Any]:
        return ["picture", "file", *label_columns(), "split", "reason", "override", "issues"]

    def get_list_filter(self, _request: HttpRequest) -> list[Any]:
        by_label = [label_filter(one) for one in labelled()]
        by_age = (AGE.name, RangeNumericFilter)
        return ["dataset", "reason", "override", *by_label, by_age, LabelIssueFilter]

    def get_fields(self, _request: HttpRequest, _sample: Any = None) -> list[str]:
        first = ["large_picture", "dataset", "name", "split"]
        return [*first, *ATTRIBUTES, "said", "issues", "found", "override"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any
    ) -> Any:
        return super().get_form(request, obj, change, **{"form": labels_form(), **options})

    @admin.display(description=gettext_lazy("Image"))
    def picture(self, sample: Sample) -> str:
        return _image(sample, 64)

    @admin.display(description=gettext_lazy("file"), ordering="name")
    def file(self, sample: Sample) -> str:
        return sample.name.rpartition("/")[2]

    @admin.display(description=gettext_lazy("Image"))
    def large_picture(self, sample: Sample) -> str:
        return _image(sample, 200)

    @admin.display(description=gettext_lazy("Model disagrees"))
    def issues(self, sample: Any) -> str:
        if sample.its_split == SplitName.TEST:
            return "–"
        declared = [issue for issue in sample.label_issues.all() if issue.label in ATTRIBUTES]
        issues = [f"{title(issue.label)}: {issue.in_words}" for issue in declared]
        return "; ".join(issues) or "–"

    @admin.display(description=gettext_lazy("Split"))
    def split(self, sample: Any) -> str:
        return str(SplitName(sample.its_split).label) if sample.its_split else "–"

    @admin.display(description=gettext_lazy("Labels from people"))
    def said(self, sample: Any) -> str:
        return "; ".join(map(str, annotations.said_of(sample, sample.reader))) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sample]:
        samples: QuerySet[Sample] = super().get_queryset(request).prefetch_related("label_issues")
        # The admin itself is one for all requests, so that the reader comes along with the rows.
        return samples.annotate(
            its_split=of_sample("split", Value("")), reader=Value(request.user.pk)
        )

    def get_urls(self) -> list[URLPattern]:
        view = for_viewers(self, self.image)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/image/", view, name="training_sample_image"), *urls]

    def image(self, _request: HttpRequest, pk: int) -> FileResponse | HttpResponse:
        """The image itself, for administrators only."""
        sample = get_object_or_404(Sample, pk=pk)
        try:
            data = as_thumbnail(stored_contents.read(sample.digest or "-"))
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
        """Labels are what this person says; saved unchanged, that those there are right."""
        labels = sample.labels
        said = {k: v for k, v in labels.items() if k in form.changed_data or not form.changed_data}
        before = Sample.objects.get(pk=sample.pk).labels
        unsaid = {k: v for k, v in labels.items() if k not in said}
        sample.labels = {**unsaid, **{k: v for k, v in before.items() if k in said}}
        if set(form.changed_data) - set(said):
            relabel(sample)
        if disputed := annotate(sample, request.user, said) if said else []:
            names = ", ".join(map(title, disputed))
            words = _(
                "Other people have given another label for: %(labels)s. It stays as it is "
                "until all agree."
            )
            messages.warning(request, words % {"labels": names})

    @admin.action(description=gettext_lazy("Use these images"), permissions=["change"])
    def keep(self, request: HttpRequest, chosen: QuerySet[Sample]) -> None:
        self._rule(request, chosen, Override.KEEP)

    @admin.action(description=gettext_lazy("Do not use these images"), permissions=["change"])
    def drop(self, request: HttpRequest, chosen: QuerySet[Sample]) -> None:
        self._rule(request, chosen, Override.DROP)

    @admin.action(description=gettext_lazy("Remove the override"), permissions=["change"])
    def as_cleaned(self, request: HttpRequest, chosen: QuerySet[Sample]) -> None:
        self._rule(request, chosen, Override.NONE)

    def _rule(self, request: HttpRequest, chosen: QuerySet[Sample], override: Override) -> None:
        count = rule(chosen, override)
        messages.success(
            request,
            ngettext("%(count)d override was saved.", "%(count)d overrides were saved.", count)
            % {"count": count},
        )


def _image(sample: Sample, side: int) -> str:
    if not sample.digest:
        return _("none")
    url = reverse("admin:training_sample_image", args=[sample.pk])
    return format_html(
        '<img src="{}" width="{}" height="{}" alt="{}" loading="lazy" class="fr-thumb">',
        url,
        side,
        side,
        sample.name.rpartition("/")[2] or sample.pk,
    )
