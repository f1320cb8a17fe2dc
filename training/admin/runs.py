"""The pages on which long work is watched, stopped and resumed."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display

from training.datasets.galleries import issue_gallery
from training.jobs import lifecycle
from vision.attributes import AGE

from ..messages import in_words
from ..models import ExamRun, ExportRun, ImportRun, Job, JobState, ReviewRun
from .access import key_of, number_of
from .phases import phase_name

_COLOURS = {
    JobState.QUEUED: "info",
    JobState.RUNNING: "warning",
    JobState.DONE: "success",
    JobState.FAILED: "danger",
    JobState.CANCELLED: "default",
    JobState.INTERRUPTED: "danger",
}


@dataclass(frozen=True)
class Fact:
    """One line of what a run's page says of it."""

    name: str
    value: str
    url: str = ""


class JobAdmin(ModelAdmin):  # type: ignore[misc]
    """A list of runs, and a page for each that is live without reloading."""

    page_template = "admin/training/run.html"
    progress_template = "admin/training/partials/run_progress.html"
    list_filter: tuple[str, ...] = ("state",)
    show_full_result_count = False

    @display(description=gettext_lazy("State"), label=dict(_COLOURS))  # type: ignore[untyped-decorator]
    def colored_state(self, run: Job) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @admin.display(description=gettext_lazy("Progress"))
    def progress(self, run: Job) -> str:
        return f"{run.percent}%" if run.state == JobState.RUNNING and run.total else "–"

    @admin.display(description=gettext_lazy("Duration"))
    def took(self, run: Job) -> str:
        if not run.started_at:
            return "–"
        seconds = ((run.finished_at or timezone.now()) - run.started_at).total_seconds()
        return f"{int(seconds // 60)}:{int(seconds % 60):02}"

    @admin.display(description=gettext_lazy("Requested by"), ordering="requested_by")
    def requester(self, run: Job) -> str:
        return str(run.requested_by or "–")

    def get_urls(self) -> list[URLPattern]:
        name = f"training_{self.opts.model_name}_progress"
        live = self.admin_site.admin_view(self.progress_view)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/progress/", live, name=name), *urls]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The run's page; a POST stops or resumes it."""
        run = self.visible_run(request, key_of(object_id))
        if request.method == "POST" and self.has_change_permission(request, run):
            self._act(request, run)
            return redirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": run,
            "title": str(run),
            **self.page_context(run),
        }
        return TemplateResponse(request, self.page_template, context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The live part of a run's page, asked for about once a second while the run is open."""
        run = self.visible_run(request, pk)
        before = request.GET.get("left", "")
        context = self.page_context(run, before)
        return TemplateResponse(request, self.progress_template, context)

    def visible_run(self, request: HttpRequest, pk: int) -> Any:
        """Raises Http404 and PermissionDenied."""
        run = get_object_or_404(self.model, pk=pk)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return run

    def page_context(self, run: Job, left_before: str = "") -> dict[str, Any]:
        """What a run's page shows; `left_before` is the time left that it showed the last time."""
        url = reverse(f"admin:training_{self.opts.model_name}_progress", args=[run.pk])
        left = _left(run, left_before)
        shown = f"{run.phase}:{left}" if left is not None else ""
        return {
            "run": run,
            "progress_url": f"{url}?{urlencode({'left': shown})}",
            "progress_template": self.progress_template,
            "opts_change_name": f"admin:training_{self.opts.model_name}_change",
            "phase": _phase(run),
            "facts": self.facts(run),
            "took": self.took(run),
            "left": "" if left is None else f"{left // 60}:{left % 60:02}",
            "can_resume": run.can_go_on,
            # With an id, a button keeps the focus when the page's live part is replaced.
            "cancel_attrs": {
                "id": "cancel-run",
                "data-confirm": _("Stop this run? What is done is kept, and it can be resumed."),
            },
            "resume_attrs": {"id": "resume-run"},
        }

    def facts(self, run: Job) -> list[Fact]:
        """What there is to say of a run beside its dataset, times and progress."""
        return []

    def _act(self, request: HttpRequest, run: Job) -> None:
        if "cancel" in request.POST:
            lifecycle.cancel(run)
        elif "resume" in request.POST:
            self._resume(request, run)

    def _resume(self, request: HttpRequest, run: Job) -> None:
        try:
            if lifecycle.resume(run):
                messages.success(request, _("The run continues where it stopped."))
        except lifecycle.JobRefused as refused:
            messages.error(request, in_words(refused.message))

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False


def _phase(run: Job) -> str:
    if run.state != JobState.RUNNING:
        return ""
    return _("Stopping…") if run.cancel_requested else phase_name(run.phase)


def _left(run: Job, before: str) -> int | None:
    """The seconds that the present phase still takes at the pace it had so far, and never more than
    was shown `before`: PHASE:SECONDS."""
    made = run.done - run.done_before
    if run.state != JobState.RUNNING or not made or not run.phase_started_at:
        return None
    spent = (timezone.now() - run.phase_started_at).total_seconds()
    seconds = int(spent * (run.total - run.done) / made)
    phase, _colon, shown = before.rpartition(":")
    known = number_of(shown) if phase == run.phase else None
    return seconds if known is None else min(seconds, known)


@admin.register(ImportRun)
class ImportRunAdmin(JobAdmin):
    empty_step = (
        reverse_lazy("admin:training_dataset_import_files"),
        gettext_lazy("Import images"),
    )
    list_display = ("created_at", "dataset", "colored_state", "progress", "took", "requester")
    list_select_related = ("dataset", "requested_by")


@admin.register(ReviewRun)
class ReviewRunAdmin(JobAdmin):
    empty_step = (
        reverse_lazy("admin:training_dataset_changelist"),
        gettext_lazy("Choose a dataset to look for label issues in"),
    )
    list_display = ("created_at", "dataset", "colored_state", "progress", "took", "requester")
    list_select_related = ("dataset", "requested_by")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Called what the sidebar calls it, though its rows are searches."""
        named = {"title": _("Label issues"), "heading": _("Label issues")}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **named})
        return page

    def facts(self, run: Job) -> list[Fact]:
        gallery = reverse("admin:training_gallery", args=[run.dataset_id])
        gallery += f"?show={issue_gallery(AGE.name)}"
        return [Fact(_("Found"), _("Where the model disagrees"), gallery)]


@admin.register(ExamRun, ExportRun)
class VersionsRunAdmin(JobAdmin):
    """Work that goes through all versions."""

    empty_step = (
        reverse_lazy("admin:training_modelversion_changelist"),
        gettext_lazy("Choose a version to examine or export"),
    )
    list_display = ("created_at", "colored_state", "progress", "took", "requester")
    list_select_related = ("requested_by",)
