"""What administrators see of predictions: states and figures, never a photo or an estimate.

Photos belong to the people who sent them; running the site gives nobody a reason to look. The
exception are faces whose sender corrected them and agreed that they are looked at. Who sent one is
told by a word that is the same for all of theirs, and names nobody.
"""

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from training.attribute_names import title
from training.datasets.import_runs import ImportRefused, request_corrections
from training.long_lists import LongListAdmin
from training.messages import in_words
from training.models import Dataset
from vision.attributes import ATTRIBUTES, Attribute

from . import access_admin, account_admin, batch_admin, corrections  # noqa: F401  # pages
from .models import Correction, Face, Prediction, Review
from .presentation import comparison
from .uploads import delete_prediction, delete_predictions


@admin.register(Prediction)
class PredictionAdmin(LongListAdmin):
    """Read-only: rows change through the worker and their owners alone."""

    list_display = (
        "created_at", "status", "face_count", "model_version", "took_ms", "failure_code", "id",
    )  # fmt: skip
    list_filter = ("status", "model_version", ("created_at", RangeDateTimeFilter))
    list_filter_submit = True
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)  # by another column all rows would be sorted for a page
    fields = (
        "id",
        "status",
        "face_count",
        "model_version",
        "created_at",
        "finished_at",
        "took_ms",
        "attempts",
        "failure_code",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("model_version")
        return rows.defer("model_version__manifest", "model_version__report")

    def going_along(self, rows: QuerySet[Any]) -> list[QuerySet[Any]]:
        return [Face.objects.filter(prediction__in=rows).order_by()]

    def delete_model(self, _request: HttpRequest, obj: Prediction) -> None:
        delete_prediction(obj)

    def delete_queryset(self, _request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        delete_predictions(queryset)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False


def _compared(attribute: Attribute) -> Callable[[Correction], str]:
    """A column that shows what was estimated and what the sender says."""

    @admin.display(description=title(attribute.name))
    def compared(correction: Correction) -> str:
        return comparison(correction, attribute)

    return compared


class ReviewFilter(admin.SimpleListFilter):
    """What is still to be reviewed, unless something else is asked for."""

    title = gettext_lazy("review")
    parameter_name = "review"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, Any]]:
        return [*Review.choices, ("all", gettext_lazy("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        chosen = self.value() or Review.PENDING
        for value, words in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == value, "query_string": query, "display": words}

    def queryset(self, _request: HttpRequest, rows: QuerySet[Correction]) -> QuerySet[Correction]:
        chosen = self.value() or Review.PENDING
        return rows if chosen == "all" else rows.filter(review=chosen)


@admin.register(Correction)
class CorrectionAdmin(LongListAdmin):
    """Corrections are judged by looking at the face; what the sender said is not edited."""

    list_display_links = None
    list_filter = (ReviewFilter,)
    list_select_related = ("face__prediction__photo", "reviewed_by")
    list_per_page = 25
    actions = ("accept", "reject")
    actions_list = ("download",)
    list_before_template = "admin/predictions/correction/add.html"
    fields = ("face_crop", "review", "sent_by", "consented_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Correction]:
        """What its sender keeps for themselves is nobody's to see."""
        rows: QuerySet[Correction] = super().get_queryset(request)
        return rows.filter(consented_at__isnull=False)

    def get_list_display(self, _request: HttpRequest) -> list[Any]:
        compared = [_compared(ATTRIBUTES[name]) for name in settings.HEADS]
        return ["face_crop", *compared, "state", "sent_by", "consented_at", "expires"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """To look at: what is decided is decided in the list."""
        shown = {"show_save": False, "show_save_and_continue": False}
        page: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        return page

    @admin.display(description=gettext_lazy("Face"))
    def face_crop(self, correction: Correction) -> str:
        url = reverse("admin:predictions_correction_crop", args=[correction.pk])
        return format_html(
            '<img src="{}" width="96" height="96" alt="" loading="lazy" class="rounded-default">',
            url,
        )

    @display(
        description=gettext_lazy("Review"),
        label={Review.PENDING: "info", Review.ACCEPTED: "success", Review.REJECTED: "danger"},
    )  # type: ignore[untyped-decorator]
    def state(self, correction: Correction) -> tuple[str, str]:
        return correction.review, correction.get_review_display()

    @admin.display(description=gettext_lazy("Sender"))
    def sent_by(self, correction: Correction) -> str:
        return corrections.sender_of(correction.face.prediction.photo)[:8]

    @admin.display(description=gettext_lazy("Will be deleted on"))
    def expires(self, correction: Correction) -> Any:
        return correction.face.prediction.photo.expires_at.date()

    def get_urls(self) -> list[URLPattern]:
        crop = self.admin_site.admin_view(self.crop)
        urls: list[URLPattern] = super().get_urls()
        add = self.admin_site.admin_view(self.add_to_dataset)
        return [
            path("<int:pk>/crop.jpg", crop, name="predictions_correction_crop"),
            path("add-to/", add, name="predictions_correction_add_to"),
            *urls,
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"datasets": Dataset.objects.all(), "may_add": self._may_add(request)}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **shown})
        return page

    def _may_add(self, request: HttpRequest) -> bool:
        may_change: bool = self.has_change_permission(request)
        return may_change and request.user.has_perm("training.change_dataset")

    def add_to_dataset(self, request: HttpRequest) -> HttpResponse:
        """Queue bringing everything accepted into the training of a dataset."""
        if request.method != "POST":
            return redirect("admin:predictions_correction_changelist")
        if not self._may_add(request):
            raise PermissionDenied
        key = request.POST.get("dataset", "")
        dataset = get_object_or_404(Dataset, pk=key if key.isdecimal() and len(key) < 19 else 0)
        try:
            run = request_corrections(dataset.name, request.user)
        except ImportRefused as refused:
            messages.error(request, in_words(refused.message))
            return redirect("admin:predictions_correction_changelist")
        return redirect("admin:training_importrun_change", run.pk)

    def crop(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The corrected face, which no browser keeps: consent may be taken back at any time.

        Nothing else of a photo is shown to administrators.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        correction = get_object_or_404(
            corrections.offered().select_related("face__prediction__photo"), pk=pk
        )
        try:
            data = corrections.crop_of(correction)
        except corrections.PhotoGone:
            raise Http404 from None
        return HttpResponse(data, content_type="image/jpeg")

    @admin.action(description=gettext_lazy("Accept"), permissions=["change"])
    def accept(self, request: HttpRequest, chosen: QuerySet[Correction]) -> None:
        incomplete = chosen.exclude(corrections.COMPLETE).count()
        count = corrections.review(chosen, Review.ACCEPTED, request.user)
        words = ngettext(
            "%(count)d correction was accepted.", "%(count)d corrections were accepted.", count
        )
        messages.success(request, words % {"count": count})
        if incomplete:
            words = ngettext(
                "%(count)d of them lacks a label and will not be used for training.",
                "%(count)d of them lack a label and will not be used for training.",
                incomplete,
            )
            messages.warning(request, words % {"count": incomplete})

    @admin.action(description=gettext_lazy("Reject"), permissions=["change"])
    def reject(self, request: HttpRequest, chosen: QuerySet[Correction]) -> None:
        count = corrections.review(chosen, Review.REJECTED, request.user)
        words = ngettext(
            "%(count)d correction was rejected.", "%(count)d corrections were rejected.", count
        )
        messages.success(request, words % {"count": count})

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Download accepted corrections"),
        url_path="download",
        icon="download",
        permissions=["view"],
    )
    def download(self, _request: HttpRequest) -> FileResponse:
        """Every accepted correction that can be learnt from, as a zip that imports as a dataset."""
        archive = tempfile.TemporaryFile(dir=settings.DATA_DIR)  # noqa: SIM115  # the response closes it
        corrections.export_to_zip(archive)
        archive.seek(0)
        return FileResponse(archive, as_attachment=True, filename="corrections.zip")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False
