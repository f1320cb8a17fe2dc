"""Trainings: asked for by a form, watched live, stopped, resumed, compared in a list."""

import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from unfold.decorators import action

from training.attribute_names import name_in_words, title
from training.exams import gate
from training.registry.figures import figure_text
from training.registry.versions import active_version
from training.reports.learning_curves import epochs_of, learning_curves
from training.runs.preview import in_words as time_in_words
from training.runs.preview import preview
from training.runs.training_log import lines_in_words
from training.runs.trainings import TrainingRefused, request_training
from vision.attributes import RACE, Attribute, labelled
from vision.data.selection import NothingLeft
from vision.training.known_recipes import recorded
from vision.training.recipe import RecipeInvalid

from ..forms import TrainingForm
from ..messages import in_words
from ..models import Dataset, Job, JobState, ModelVersion, TrainingRun
from .columns import column
from .phases import steps
from .runs import Fact, JobAdmin

# What comes before and after what the recipe itself names.
_FIRST_PHASE, _LAST_PHASES = "copies", ("labels", "test", "exam")
_SHOWN_LINES = 200


@admin.register(TrainingRun)
class TrainingRunAdmin(JobAdmin):
    page_template = "admin/training/training_run.html"
    growth_template = "admin/training/partials/training_growth.html"
    list_filter = ("state", "dataset")
    list_select_related = ("dataset", "version")
    actions_list = ("train",)
    list_before_template = "admin/training/partials/own_tests.html"
    empty_step = (reverse_lazy("admin:training_trainingrun_train"), gettext_lazy("Train"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        rows: QuerySet[TrainingRun] = super().get_queryset(request)
        return rows.defer("history", "log")

    @admin.display(description=gettext_lazy("Recipe"))
    def recipe_name(self, run: Job) -> str:
        return str(run.recipe.get("name", "?"))

    def get_list_display(self, _request: HttpRequest) -> list[Any]:
        facts = ["created_at", "recipe_name", "dataset", "colored_state", "progress", "took"]
        names = {"age_mae": _("Age error"), "age_bias": _("Age bias")}
        names |= {f"{one.name}_accuracy": title(one.name) for one in labelled()}
        return [*facts, *(column(key, words, _figure) for key, words in names.items())]

    def has_train_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("training.add_trainingrun")

    def get_urls(self) -> list[URLPattern]:
        live = self.admin_site.admin_view(self.growth_view)
        urls: list[URLPattern] = super().get_urls()
        told = self.admin_site.admin_view(require_safe(self.preview))
        return [
            path("<int:pk>/growth/", live, name="training_trainingrun_growth"),
            path("train/preview/", told, name="training_trainingrun_preview"),
            *urls,
        ]

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Train"),
        url_path="train",
        icon="model_training",
        permissions=["train"],
    )
    def train(self, request: HttpRequest) -> HttpResponse:
        """Ask what to train, and let it begin."""
        asked = {"dataset": request.GET["dataset"]} if "dataset" in request.GET else {}
        form = TrainingForm(request.POST or None, initial=asked)
        if request.method == "POST" and form.is_valid():
            try:
                run = request_training(**form.wanted, user=request.user)
            except TrainingRefused as refused:
                form.add_error(None, in_words(refused.message))
            else:
                return redirect("admin:training_trainingrun_change", run.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Train"),
            "form": form,
            "going": _open_training(),
            "has_datasets": Dataset.objects.exists(),
        }
        return TemplateResponse(request, "admin/training/train.html", context)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What the form, as it is filled in, would do."""
        if not self.has_train_permission(request):
            raise PermissionDenied
        form = TrainingForm(request.GET)
        if not form.is_valid():
            context: dict[str, Any] = {"why": _("Please fill in the form to see what will happen.")}
        else:
            try:
                told = preview(
                    **{key: form.wanted[key] for key in ("dataset", "recipe", "backbone")}
                )
                context = {
                    "preview": told,
                    "takes": time_in_words(told.takes) if told.takes else "",
                }
            except NothingLeft as error:
                context = {"why": in_words(error.message)}
        return TemplateResponse(request, "admin/training/partials/preview.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Tells the page's charts and log to come anew, once there is more for them to show."""
        response = super().progress_view(request, pk)
        run = self.visible_run(request, pk)
        if request.GET.get("seen") != _growth(run):
            response["HX-Trigger"] = "run-grew"
        return response

    def growth_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Charts and log of a run."""
        run = self.visible_run(request, pk)
        return TemplateResponse(request, self.growth_template, _grown(run))

    def page_context(self, run: Job, left_before: str = "") -> dict[str, Any]:
        context = super().page_context(run, left_before)
        return {
            **context,
            "progress_url": f"{context['progress_url']}&seen={_growth(run)}",
            "steps": _steps(run),
            "decision": _decision(run),
            "growth_template": self.growth_template,
            "recipe": json.dumps(run.recipe, indent=2, ensure_ascii=False),
            **_grown(run),
        }

    def facts(self, run: Job) -> list[Fact]:
        facts = [Fact(_("Recipe"), self.recipe_name(run))]
        if run.backbone:
            facts.append(Fact(_("Backbone"), run.backbone.name, _version_url(run.backbone_id)))
        if run.activate:
            serves = _("is activated, unless there are reasons against it")
            even_so = _("is activated, whatever the reasons against it")
            facts.append(Fact(_("When done"), even_so if run.even_if_worse else serves))
        if run.version:
            facts.append(Fact(_("New version"), run.version.name, _version_url(run.version_id)))
            facts.append(Fact(_("Figures on its test images"), _figures_in_words(run.version)))
        return facts


def _open_training() -> TrainingRun | None:
    """The training that waits or runs; at most one does."""
    open_states = [JobState.QUEUED, JobState.RUNNING]
    return TrainingRun.objects.filter(state__in=open_states).first()


def _growth(run: Job) -> str:
    """Changes whenever charts or log have more to show."""
    return f"{epochs_of(run.history)}.{len(run.log)}"


def _grown(run: Job) -> dict[str, Any]:
    lines = lines_in_words(run.log)[-_SHOWN_LINES:]
    return {
        "growth_url": reverse("admin:training_trainingrun_growth", args=[run.pk]),
        "curves": learning_curves(run.history),
        "log": "\n".join(reversed(lines)),
    }


def _steps(run: Job) -> list[Any]:
    """The run's way, while it is on it."""
    if not run.is_open:
        return []
    try:
        recipe = recorded(run.recipe)
    except RecipeInvalid:
        return []
    return steps([_FIRST_PHASE, *recipe.phases, *_LAST_PHASES], run.phase)


def _decision(run: Job) -> dict[str, Any] | None:
    """What a run that waits for a decision has to be decided by, as of now."""
    if run.version is None or not run.waits_for_decision:
        return None
    return {
        "version": run.version,
        "warnings": gate.warnings(run.version, active_version()),
        "url": reverse("admin:training_modelversion_activate", args=[run.version_id]),
    }


def _figure(run: Job, key: str) -> Any:
    return figure_text(run.version.metrics, key) if run.version else "–"


def _figures_in_words(version: ModelVersion) -> str:
    """The headline figures, of the heads the version has."""
    words = {
        "age_mae": _("age error %(figure)s years"),
        "age_bias": _("age bias %(figure)s years"),
        **{f"{one.name}_accuracy": _accuracy_of(one) for one in labelled()},
        "race3_accuracy": _("%(figure)s (three labels)"),
    }
    metrics = version.metrics
    known = [(text, key) for key, text in words.items() if metrics.get(key) is not None]
    return ", ".join(text % {"figure": figure_text(metrics, key)} for text, key in known) or "–"


def _accuracy_of(attribute: Attribute) -> str:
    if attribute == RACE:
        return _("race accuracy %(figure)s (five labels)")
    told = _("%(attribute)s accuracy %(figure)s")
    return told % {"attribute": name_in_words(attribute.name), "figure": "%(figure)s"}


def _version_url(pk: int | None) -> str:
    return reverse("admin:training_modelversion_change", args=[pk])
