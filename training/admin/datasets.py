"""Datasets: import them, explore them in charts, take their splits away."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action

from training.attribute_names import value_in_words
from training.datasets import curations, deletion, mean_faces
from training.datasets.import_runs import ImportRefused, request_import
from training.datasets.label_issues import request_review
from training.eda import dataset_charts, dataset_figures
from vision.attributes import GENDER, RACE
from vision.data.selection import POLICIES

from ..charts import as_csv
from ..forms import ImportForm
from ..messages import in_words
from ..models import Curation, Dataset, Job, TrainingRun
from . import galleries
from .access import for_viewers, key_of
from .downloads import named


@admin.register(Dataset)
class DatasetAdmin(ModelAdmin):  # type: ignore[misc]
    """Datasets come by importing; their images are looked at and ruled on one by one."""

    list_display = ("charts_of", "files", "used", "created_at")
    list_display_links = None
    empty_step = (
        reverse_lazy("admin:training_dataset_import_files"),
        gettext_lazy("Import images"),
    )
    fields = ("name",)
    actions_list = ("import_files",)
    actions_row = ("explore_row", "train_row", "rename_row")
    actions_detail = ("explore",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        # The funnel of "full" tells both counts; counting a million images would take seconds.
        full = Prefetch("curations", Curation.objects.filter(policy="full", seed=0), "full")
        rows: QuerySet[Dataset] = super().get_queryset(request).prefetch_related(full)
        return rows

    @admin.display(description=gettext_lazy("Name"), ordering="name")
    def charts_of(self, dataset: Dataset) -> str:
        url = reverse("admin:training_dataset_charts", args=[dataset.pk])
        return format_html('<a class="underline" href="{}">{}</a>', url, dataset.name)

    @admin.display(description=gettext_lazy("Files"))
    def files(self, dataset: Any) -> str:
        return str(dataset.full[0].funnel[0]["count"]) if dataset.full else "–"

    @admin.display(description=gettext_lazy("Used"))
    def used(self, dataset: Any) -> str:
        return str(dataset.full[0].funnel[-1]["count"]) if dataset.full else "–"

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_train_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return request.user.has_perm("training.add_trainingrun")

    def get_deleted_objects(
        self, chosen: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes along, in one line each: Django would list every image by name, and ask who
        may delete images, which nobody may one by one. What is under way keeps its dataset."""
        images = sum(dataset.samples.count() for dataset in chosen)
        names = [str(dataset) for dataset in chosen]
        trainings = TrainingRun.objects.filter(dataset__in=chosen).count()
        counts = {_("Images"): images, str(TrainingRun._meta.verbose_name_plural): trainings}
        counts = {what: count for what, count in counts.items() if count}
        keys = Dataset.objects.filter(pk__in=[dataset.pk for dataset in chosen])
        return names, counts, set(), [_still_open(job) for job in deletion.open_jobs(keys)]

    def delete_model(self, request: HttpRequest, dataset: Dataset) -> None:
        deletion.delete(Dataset.objects.filter(pk=dataset.pk))

    def delete_queryset(self, request: HttpRequest, chosen: QuerySet[Dataset]) -> None:
        deletion.delete(chosen)

    def get_urls(self) -> list[URLPattern]:
        wrap = partial(for_viewers, self)
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/charts/", wrap(self.charts), name="training_dataset_charts"),
            path("<int:pk>/charts/<slug:key>.csv", wrap(self.chart_csv), name="training_chart_csv"),
            path("<int:pk>/gallery/", wrap(self.gallery), name="training_gallery"),
            path("<int:pk>/review/", wrap(self.review), name="training_review"),
            path("<int:pk>/splits/<slug:recipe>.csv", wrap(self.splits), name="training_splits"),
            path(
                "<int:pk>/mean-face/<int:race>/<int:gender>/",
                wrap(self.mean_face),
                name="training_mean_face",
            ),
            *urls,
        ]

    @action(description=gettext_lazy("Import images"), url_path="import", icon="upload")  # type: ignore[untyped-decorator]
    def import_files(self, request: HttpRequest) -> HttpResponse:
        """Upload an archive, or take one that lies in the server's import folder."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                run = request_import(
                    form.cleaned_data["name"],
                    form.source(),
                    detect_faces=form.cleaned_data["detect_faces"],
                    user=request.user,
                )
            except ImportRefused as refused:
                form.add_error(None, in_words(refused.message))
            else:
                return redirect("admin:training_importrun_change", run.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import images"),
            "form": form,
        }
        return TemplateResponse(request, "admin/training/import.html", context)

    @action(description=gettext_lazy("Charts"), url_path="explore", icon="bar_chart")  # type: ignore[untyped-decorator]
    def explore(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:training_dataset_charts", key_of(object_id))

    @action(description=gettext_lazy("Charts"), url_path="explore-row")  # type: ignore[untyped-decorator]
    def explore_row(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:training_dataset_charts", key_of(object_id))

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Rename"),
        url_path="rename-row",
        permissions=["change"],
    )
    def rename_row(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:training_dataset_change", key_of(object_id))

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Train"),
        url_path="train-row",
        permissions=["train"],
    )
    def train_row(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(_train_url(key_of(object_id)))

    def charts(self, request: HttpRequest, pk: int) -> HttpResponse:
        dataset = get_object_or_404(Dataset, pk=pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": dataset,
            "title": _("Charts of %(name)s") % {"name": dataset.name},
            "dataset": dataset,
            "train_url": _train_url(dataset.pk),
            "sections": dataset_charts.sections(dataset),
            "mean_faces": _mean_face_links(dataset),
            "curations": curations.current(dataset).values(),
        }
        return TemplateResponse(request, "admin/training/charts.html", context)

    def gallery(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The images behind each reason and the label issues, to decide on in bulk."""
        dataset = get_object_or_404(Dataset, pk=pk)
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            messages.success(request, galleries.act(dataset, request))
            return redirect(request.get_full_path())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **galleries.context_of(dataset, request),
        }
        return TemplateResponse(request, "admin/training/gallery.html", context)

    def review(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Start a search for label issues, or go to the one under way."""
        if request.method != "POST":
            return redirect("admin:training_dataset_charts", pk)
        if not request.user.has_perm("training.add_reviewrun"):
            raise PermissionDenied
        run = request_review(get_object_or_404(Dataset, pk=pk), request.user)
        return redirect("admin:training_reviewrun_change", run.pk)

    def chart_csv(self, _request: HttpRequest, pk: int, key: str) -> HttpResponse:
        """The numbers behind one chart."""
        dataset = get_object_or_404(Dataset, pk=pk)
        for section in dataset_charts.sections(dataset):
            for chart in section.charts:
                if chart.key == key:
                    return _table(as_csv(chart), f"{dataset.name}-{key}.csv")
        raise Http404

    def splits(self, _request: HttpRequest, pk: int, recipe: str) -> HttpResponse:
        """Every image a recipe uses with its split, for others to reuse."""
        if recipe not in POLICIES:
            raise Http404
        dataset = get_object_or_404(Dataset, pk=pk)
        table = curations.split_table(curations.selection(dataset, recipe))
        return _table(table, f"{dataset.name}-{recipe}-splits.csv")

    def mean_face(self, _request: HttpRequest, pk: int, race: int, gender: int) -> HttpResponse:
        try:
            image = mean_faces.read(get_object_or_404(Dataset, pk=pk), race, gender)
        except OSError:
            raise Http404 from None
        return HttpResponse(image, content_type="image/jpeg")


def _still_open(job: Job) -> str:
    words = _("%(what)s of “%(dataset)s” is in progress: please wait for it to finish, or stop it")
    return words % {"what": job.get_kind_display(), "dataset": job.dataset}


def _train_url(pk: int) -> str:
    return reverse("admin:training_trainingrun_train") + f"?dataset={pk}"


def _mean_face_links(dataset: Dataset) -> list[dict[str, Any]]:
    counts = dataset_figures.figures(dataset).used
    return [
        {
            "url": reverse("admin:training_mean_face", args=[dataset.pk, race, gender]),
            "race": value_in_words(RACE.name, race),
            "gender": value_in_words(GENDER.name, gender),
            "count": int(counts[race, gender].sum()),
        }
        for race, gender in mean_faces.groups(dataset)
    ]


def _table(table: str, name: str) -> HttpResponse:
    return named(HttpResponse(table, content_type="text/csv; charset=utf-8"), name)
