"""The model versions: how well each does and for whom, taken away, let serve and taken back."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display

from training.attribute_names import label_title, title
from training.datasets.corrections import withdrawn_from
from training.exams import exam_tables, gate
from training.exams.exam_runs import has_unexamined, is_needed, request_examination
from training.exams.paired_tables import paired_tables
from training.registry.figures import (
    comparison,
    figure_text,
    gap_sentences,
    metrics_of,
    short_metric_names,
    test_in_words,
    test_sentences,
    tested_elsewhere,
    withdrawn_sentences,
)
from training.registry.licences import licence_in_words
from training.registry.starter import waiting_starter
from training.registry.versions import (
    ACTIVATED,
    activate_version,
    active_version,
    has_export,
    previous_version,
)
from training.reports import downloads, version_charts
from training.reports.edit_tables import edits_table
from vision.attributes import ATTRIBUTES
from vision.errors import BundleError

from ..charts import as_csv
from ..messages import in_words
from ..models import ModelVersion
from .access import key_of
from .columns import column
from .downloads import named


@admin.register(ModelVersion)
class ModelVersionAdmin(ModelAdmin):  # type: ignore[misc]
    """Versions are made by registering a bundle or by training, never by typing."""

    list_select_related = ("run__dataset",)
    list_per_page = 25
    search_fields = ("name",)
    actions_list = ("go_back",)
    list_before_template = "admin/training/partials/own_tests.html"

    @display(description=gettext_lazy("State"), label={"serves": "success", "ready": "default"})  # type: ignore[untyped-decorator]
    def state(self, version: ModelVersion) -> tuple[str, str]:
        return ("serves", _("In use")) if version.is_active else ("ready", _("Ready"))

    def get_list_display(self, _request: HttpRequest) -> list[Any]:
        figures = [column(*one, cell=_figure) for one in short_metric_names().items()]
        serving = active_version()
        tests = column(
            "test_images", _("Test images"), lambda version, _name: test_in_words(version, serving)
        )
        return ["name", "state", *figures, tests, "training", "activated_at"]

    @admin.display(description=gettext_lazy("Training run"))
    def training(self, version: ModelVersion) -> str:
        run = getattr(version, "run", None)
        if run is None:
            return "–"
        return format_html(
            '<a class="underline" href="../trainingrun/{}/change/">{} · {}</a>',
            run.pk,
            run.recipe.get("name", "?"),
            run.dataset,
        )

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _version: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "activate/": (self.activate, "activate"),
            "examine/": (self.examine, "examine"),
            "charts/<slug:key>.csv": (self.chart_csv, "chart_csv"),
            "bundle.zip": (self.bundle, "bundle"),
            "onnx.zip": (self.export, "export"),
            "model-card.md": (self.card, "card"),
        }
        urls: list[URLPattern] = super().get_urls()
        own = [
            path(
                f"<int:pk>/{route}",
                self.admin_site.admin_view(view),
                name=f"training_modelversion_{name}",
            )
            for route, (view, name) in pages.items()
        ]
        return [*own, *urls]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "GET" and (starter := waiting_starter()):
            messages.info(
                request,
                format_html(
                    '<a class="underline" href="{}">{}</a>',
                    reverse("admin:training_modelversion_change", args=[starter.pk]),
                    _(
                        "A newer starter model is available: %(name)s. Compare the two, then "
                        "activate it."
                    )
                    % {"name": starter.name},
                ),
            )
        if request.method == "GET" and has_unexamined():
            messages.info(
                request,
                _(
                    "Some versions have not been examined yet, so they cannot be compared. A "
                    "worker examines them after an upgrade; the page of any version has a button "
                    "for it."
                ),
            )
        page: HttpResponse = super().changelist_view(request, extra_context)
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A version's page: figures, charts, for whom it does well, where it comes from."""
        version = self._version(request, key_of(object_id))
        serving = active_version()
        context = {
            "measured_on": metrics_of(version).get("n"),
            "comparison": comparison(version, serving),
            **_exam(version, serving),
            "edits": edits_table(version.report),
            "test_notes": [
                *filter(None, [tested_elsewhere(version, serving)]),
                *test_sentences(version.manifest, version.report),
                *withdrawn_sentences(withdrawn_from(version)),
            ],
            "gaps": gap_sentences(version.report.get("gaps", ())),
            "sections": version_charts.sections(version.report),
            "heads": _heads(version.manifest),
            "licence": licence_in_words(version.manifest),
            "manifest": json.dumps(_without_history(version.manifest), indent=2),
            "previous": previous_version() if version.is_active else None,
            "may_change": self.has_change_permission(request, version),
            "has_export": has_export(version),
        }
        return self._page(request, "admin/training/version.html", version, **context)

    def activate(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask whether a version shall serve, with all that speaks against it; a POST is yes."""
        version = self._version(request, pk)
        if not self.has_change_permission(request, version):
            raise PermissionDenied
        serving = active_version()
        if request.method == "POST":
            return self._activate(request, version)
        context = {
            "serving": serving,
            "comparison": comparison(version, serving),
            **_exam(version, serving),
            "may_change": True,
            "warnings": gate.warnings(version, serving),
            "remarks": gate.remarks(version, serving),
            "paired_tables": list(paired_tables(version, serving)),
        }
        return self._page(request, "admin/training/activate.html", version, **context)

    def _activate(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        try:
            activate_version(version)
        except BundleError as error:
            messages.error(
                request, _("Nothing was changed. %(reason)s") % {"reason": in_words(error.message)}
            )
        else:
            self.log_change(request, version, ACTIVATED)
            messages.success(request, _("%(name)s is now active.") % {"name": version.name})
        return redirect("admin:training_modelversion_change", version.pk)

    def examine(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Start scoring all versions on the exam, or go to the examination under way."""
        version = self._version(request, pk)
        if request.method != "POST":
            return redirect("admin:training_modelversion_change", version.pk)
        if not self.has_change_permission(request, version):
            raise PermissionDenied
        run = request_examination(request.user)
        return redirect("admin:training_examrun_change", run.pk)

    def get_actions_list(self, request: HttpRequest) -> list[UnfoldAction]:
        """Going back is offered where there is something to go back to."""
        return super().get_actions_list(request) if previous_version() else []

    @action(
        description=gettext_lazy("Go back to the previous version"),
        url_path="go-back",
        icon="undo",
        permissions=["change"],
    )  # type: ignore[untyped-decorator]
    def go_back(self, request: HttpRequest) -> HttpResponse:
        previous = previous_version()
        if previous is None:
            messages.error(request, _("There is no earlier version to go back to."))
            return redirect("admin:training_modelversion_changelist")
        return redirect("admin:training_modelversion_activate", previous.pk)

    def chart_csv(self, request: HttpRequest, pk: int, key: str) -> HttpResponse:
        """The numbers behind one chart."""
        version = self._version(request, pk)
        for section in version_charts.sections(version.report):
            for chart in section.charts:
                if chart.key == key:
                    table = HttpResponse(as_csv(chart), content_type="text/csv; charset=utf-8")
                    return named(table, f"{version.bundle}-{key}.csv")
        raise Http404

    def bundle(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The bundle as a zip, sent while it is made."""
        return self._zipped(request, pk, downloads.zipped_bundle, "")

    def export(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The export as a zip, sent while it is made."""
        return self._zipped(request, pk, downloads.zipped_export, "-onnx")

    def _zipped(
        self,
        request: HttpRequest,
        pk: int,
        chunks_of: Callable[[ModelVersion], Iterator[bytes]],
        suffix: str,
    ) -> HttpResponseBase:
        version = self._version(request, pk)
        try:
            chunks = chunks_of(version)
        except BundleError as error:
            messages.error(request, in_words(error.message))
            return redirect("admin:training_modelversion_change", version.pk)
        response = StreamingHttpResponse(chunks, content_type="application/zip")
        return named(response, f"{version.bundle}{suffix}.zip")

    def card(self, request: HttpRequest, pk: int) -> HttpResponse:
        version = self._version(request, pk)
        text = downloads.card_of(version)
        response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
        return named(response, f"{version.bundle}-model-card.md")

    def _version(self, request: HttpRequest, pk: int) -> ModelVersion:
        """Raises Http404, and PermissionDenied for who may not look at versions."""
        versions = ModelVersion.objects.select_related("run__dataset", "run__backbone")
        version = get_object_or_404(versions, pk=pk)
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        return version

    def _page(
        self, request: HttpRequest, template: str, version: ModelVersion, **context: Any
    ) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": version.name,
            "original": version,
            "version": version,
            "run": getattr(version, "run", None),
            **context,
        }
        return TemplateResponse(request, template, whole)


def _figure(version: ModelVersion, name: str) -> str:
    return figure_text(metrics_of(version), name)


def _exam(version: ModelVersion, serving: ModelVersion | None) -> dict[str, Any]:
    return {
        "exam": exam_tables.table(version, serving),
        "exam_notes": list(exam_tables.sentences(version, serving)),
        "to_examine": is_needed(),
    }


def _heads(manifest: Mapping[str, Any]) -> list[str]:
    """What a version estimates, in words: attributes, with the labels that it tells apart."""
    heads = manifest.get("heads", {})
    return [_in_words(name, heads[name].get("labels", ())) for name in ATTRIBUTES if name in heads]


def _in_words(name: str, labels: Sequence[str]) -> str:
    told = ", ".join(label_title(name, label) for label in labels)
    return f"{title(name)}: {told}" if told else title(name)


def _without_history(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest short enough to read: the figures of every epoch stand on the run's page."""
    training = {k: v for k, v in manifest.get("training", {}).items() if k != "history"}
    metrics = {k: v for k, v in manifest.get("metrics", {}).items() if k != "groups"}
    return {**manifest, "training": training, "metrics": metrics}
