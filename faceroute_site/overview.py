"""The administration's first page: health, what serves, traffic, what waits for a person, drift."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from predictions.daily_sums import Recent, recent
from predictions.dashboard import dashboard, job_url
from training.charts import Axes, Chart, Section, bars
from training.datasets.galleries import issue_gallery
from training.long_lists import number_in_words
from training.models import Dataset, Job, JobState, LabelIssue, ModelVersion, TrainingRun
from training.registry.figures import figure_text, metrics_of, short_metric_names

from . import drift
from .readiness import OK, overall, readiness

_WEEK = 7  # days
_MOST_RUNS = 5


class Part(NamedTuple):
    """A part of the site, and what is the matter with it; nothing where it does its work."""

    name: str
    problem: str


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What Unfold's first page shows besides its own."""
    context = dashboard(request, context)
    serving = context["serving"]
    sums = recent(drift.DAYS)
    return {
        **context,
        "figures": _figures(serving) if serving else [],
        "traffic": _traffic(sums),
        "sections": _sections(sums, serving),
        "runs_to_see": _runs_to_see(),
        "held_back": _held_back(),
        "label_issues": number_in_words(LabelIssue.objects.order_by("pk")),
        "label_issues_url": _label_issues_url(request),
    }


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """How every part is, as /readyz tells it; asked for by the first page as long as it is open."""
    checks = readiness()
    named = {"web": _("Web"), "database": _("Database"), "migrations": _("Migrations"),
             "storage": _("Storage"), "broker": _("Queue"), "workers": _("Workers"),
             "beat": _("Scheduler"), "model": _("Model"), "room": _("Room for photos")}  # fmt: skip
    parts = [
        Part(named[name], "" if state == OK else state)
        for name, state in checks.items()
        if name in named
    ]
    context = {"parts": parts, "overall": overall(checks)}
    return TemplateResponse(request, "admin/partials/health.html", context)


def _figures(version: ModelVersion) -> list[tuple[str, str]]:
    """How good a version is on its test images, in the figures that it has."""
    metrics = metrics_of(version)
    names = short_metric_names()
    return [(words, figure_text(metrics, key)) for key, words in names.items() if key in metrics]


def _traffic(sums: Recent) -> dict[str, Any]:
    """The last seven days in numbers."""
    photos, faces = sums.totals("photos", _WEEK), sums.totals("faces", _WEEK)
    return {
        "done": photos["done"],
        "failed": photos["failed"],
        "faces": faces.total(),
        "median": _seconds(sums.duration(0.5, _WEEK)),
        "p95": _seconds(sums.duration(0.95, _WEEK)),
        "failures": sums.totals("failure", _WEEK).most_common(),
    }


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else _("%(seconds).2g s") % {"seconds": seconds}


def _sections(sums: Recent, serving: ModelVersion | None) -> list[Section]:
    found = []
    if sums.totals("photos", drift.DAYS):
        found.append(Section(_("Photos and faces a day"), _days(sums)))
    if serving and (compared := drift.compared(serving, sums)):
        compared.sort(key=drift.is_apart, reverse=True)
        title = _("Faces of the last weeks beside the training data")
        found.append(Section(title, list(map(drift.chart, compared))))
    return found


def _days(sums: Recent) -> list[Chart]:
    photos, faces = (sums.by_day(what, drift.DAYS) for what in ("photos", "faces"))
    days = [f"{day:%m-%d}" for day in photos]
    axes = Axes(x=_("Day (UTC)"), y=_("Photos"))
    return [
        bars(
            "photos-by-day",
            _("Photos a day"),
            _("Finished photos of the last four weeks."),
            days,
            {
                _("Done"): [found.get("done", 0) for found in photos.values()],
                _("Failed"): [found.get("failed", 0) for found in photos.values()],
            },
            axes=axes,
            stacked=True,
        ),
        bars(
            "faces-by-day",
            _("Faces a day"),
            _("Faces found in them; of withheld ones nothing could be told."),
            days,
            {
                _("Estimated"): [found.get("found", 0) for found in faces.values()],
                _("Withheld"): [found.get("withheld", 0) for found in faces.values()],
            },
            axes=Axes(x=_("Day (UTC)"), y=_("Faces")),
            stacked=True,
        ),
    ]


def _runs_to_see() -> list[dict[str, Any]]:
    """Work that ended within the week, the latest first: done, failed or interrupted."""
    ended = [JobState.DONE, JobState.FAILED, JobState.INTERRUPTED]
    jobs = Job.objects.filter(
        Q(finished_at__gt=timezone.now() - timedelta(days=_WEEK)) | Q(state=JobState.INTERRUPTED),
        state__in=ended,
    )
    latest = jobs.select_related("dataset").defer("history", "log").order_by("-pk")[:_MOST_RUNS]
    return [{"run": job, "kind": job.get_kind_display(), "url": job_url(job)} for job in latest]


def _label_issues_url(request: HttpRequest) -> str:
    """The images with label issues; unless just one dataset has some, the list of searches, or of
    datasets to those who may not see that."""
    issues = LabelIssue.objects.filter(sample__dataset=OuterRef("pk"))
    having = Dataset.objects.filter(Exists(issues)).order_by("pk")[:2]
    if len(having) != 1:
        searches = request.user.has_perm("training.view_reviewrun")
        return reverse(f"admin:training_{'reviewrun' if searches else 'dataset'}_changelist")
    issue = LabelIssue.objects.filter(sample__dataset=having[0]).order_by("pk")[0]
    gallery = reverse("admin:training_gallery", args=[having[0].pk])
    return f"{gallery}?show={issue_gallery(issue.label)}"


def _held_back() -> list[dict[str, Any]]:
    """Versions that were to serve and that the gate has held back."""
    runs = TrainingRun.objects.filter(
        state=JobState.DONE, activate=True, version__isnull=False, version__activated_at=None
    )
    latest = runs.select_related("version").defer("history", "log").order_by("-pk")[:_MOST_RUNS]
    return [
        {
            "name": run.version.name,
            "url": reverse("admin:training_modelversion_activate", args=[run.version.pk]),
        }
        for run in latest
        if run.version
    ]
