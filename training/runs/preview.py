"""What a training will do, told before it is asked for."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.datasets import curations
from training.eda import dataset_figures
from training.models import Dataset, JobState, ModelVersion, TrainingRun
from training.registry.versions import active_version
from vision.diskspace import free_bytes
from vision.training.recipe import Recipe


@dataclass(frozen=True)
class Earlier:
    """How long a whole run of a recipe takes, and on how many images it trains: as the last one
    `here` did, or estimated for two cores with bfloat16."""

    took: timedelta
    images: int
    here: bool = True


# On UTKFace, from what was measured on two cores (docs/experiments/retraining.md and
# starter-model.md): the features and epochs of heads, the milliseconds an image of a whole network,
# and for continue-cpu a run of the same numbers. What takes a GPU is not among them, since GPUs
# differ too much.
_ESTIMATED = {
    "classic": Earlier(timedelta(minutes=7), 8_101, here=False),
    "full": Earlier(timedelta(minutes=17), 18_071, here=False),
    "starter-cpu": Earlier(timedelta(minutes=105), 18_071, here=False),
    "continue-cpu": Earlier(timedelta(minutes=114), 18_071, here=False),
}


@dataclass(frozen=True)
class Preview:
    """`images`: split → how many. `backbone` is None where the weights are random at first, or
    where one is needed and none is there (`lacks_backbone`). Bytes of the disk: what the training
    takes, and what is free. `earlier` is None where nothing tells how long it may take."""

    images: dict[str, int]
    backbone: ModelVersion | None
    lacks_backbone: bool
    bytes: int
    free: int
    earlier: Earlier | None

    @property
    def takes(self) -> timedelta | None:
        """About how long it takes, as if time went with the number of images."""
        if self.earlier is None:
            return None
        return self.earlier.took * (self.images["train"] / self.earlier.images)


def preview(dataset: Dataset, recipe: Recipe, backbone: ModelVersion | None) -> Preview:
    """What training a recipe on a dataset, as it is now, comes to."""
    if recipe.needs_backbone:
        backbone = backbone or active_version()
    images = dataset_figures.split_sizes(curations.current(dataset))[recipe.policy]
    size = backbone.manifest["input_size"] if backbone else 0
    features, other = recipe.disk_estimate(size, images["train"], images["validation"])
    return Preview(
        images=images,
        backbone=backbone,
        lacks_backbone=recipe.needs_backbone and backbone is None,
        bytes=features + other,
        free=free_bytes(settings.DATA_DIR),
        earlier=earlier(recipe.name),
    )


def earlier(name: str) -> Earlier | None:
    """The last whole run of a recipe here; without one, what is estimated, if anything."""
    runs = TrainingRun.objects.filter(
        state=JobState.DONE, recipe__name=name, resumed=0, version__isnull=False,
        started_at__isnull=False, finished_at__isnull=False,
    )  # fmt: skip
    run = runs.select_related("version").defer("history", "log").order_by("-finished_at").first()
    if run and run.version and run.started_at and run.finished_at:
        counts = run.version.manifest.get("data", {}).get("counts", {})
        if images := counts.get("train", 0):
            return Earlier(run.finished_at - run.started_at, images)
    return _ESTIMATED.get(name)


def in_words(takes: timedelta) -> str:
    """A time of which only the order matters, in minutes or hours."""
    minutes = max(1, round(takes.total_seconds() / 60))
    if minutes < 120:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    return _("%(hours)d hours") % {"hours": round(minutes / 60)}
