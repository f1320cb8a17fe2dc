"""From what was trained or calibrated to a version: tested, described, saved, registered."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from vision.artifacts import Bundle, load_bundle, save_bundle
from vision.curation import EXAM
from vision.dataset import Curated, Example
from vision.diskspace import full_disk_in_words
from vision.labelled_files import LabelledFile

from . import curations, former, lineage, recipes
from .eda import label_noise
from .journal import Journal
from .model_cards import model_card
from .models import Dataset, ModelVersion, TrainingRun
from .registry import bundle_path, free_name, register_bundle

if TYPE_CHECKING:
    from vision.fit import Fitted

_LIBRARIES = ("keras", "numpy", "pillow")
_HEADLINES = ("age_mae", "age_bias", "gender_accuracy", "race_accuracy", "race3_accuracy")


def make_version(run: TrainingRun, folder: Path, journal: Journal) -> ModelVersion:
    """Train what a run asks for, with checkpoints in `folder`, and make a version of it.

    The version is there whole, and the run's, from one moment to the next. Raises kinds of
    VisionError, and what the journal raises. Imports TensorFlow.
    """
    recipe = recipes.recorded(run.recipe)
    lineage.bring_up_to_date(journal.progress)
    curated = _images_of(run, recipe.curation)
    journal.log(
        f"{recipe.name} on {run.dataset}: {len(curated.train)} images to learn from, "
        f"{len(curated.validation)} to validate, {len(curated.test)} to test."
    )
    trunk = load_bundle(bundle_path(run.trunk)) if run.trunk else None
    fitted = recipes.carry_out(recipe, trunk, curated, folder, journal)
    learnt = lineage.of_training(curated, trunk)
    report = report_on(
        Bundle(fitted.manifest, fitted.tensors, learnt), curated.test, run.dataset, journal.progress
    )
    metrics = report["metrics"]
    figures = [f"{key.replace('_', ' ')} {metrics[key]}" for key in _HEADLINES]
    journal.log(f"test on {metrics['n']} images: {', '.join(figures)}")
    manifest = {
        **fitted.manifest,
        "name": free_name(f"{recipe.name}-{run.pk}"),
        "metrics": metrics,
        "data": facts_of_data(run.dataset, curated),
        "training": _training(run, trunk, fitted),
        "created_at": timezone.now().isoformat(),
        "trained_on": learnt.about(),
    }
    folder = saved(Bundle(manifest, fitted.tensors, learnt), report)
    with transaction.atomic():
        version = register_bundle(folder, manifest["name"], report=report)
        journal.log(f"made the model {version.name}", version=version)
    run.version = version
    return version


def _images_of(run: TrainingRun, recipe: str) -> Curated:
    """What a run trains on, and the test that all sit. Raises NothingLeft."""
    if not run.former_splits:
        return curations.curated(run.dataset, recipe)
    # It goes on with the images it was begun with; the exam no longer has what it learns from.
    begun_with = former.curated(run.dataset, recipe)
    return replace(begun_with, test=curations.curated(run.dataset, EXAM.name).test)


def report_on(
    bundle: Bundle,
    examples: Sequence[Example],
    dataset: Dataset,
    on_progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """The report on a dataset's test, less what the bundle was trained on and near copies of it.

    Raises ExampleUnreadable. Imports TensorFlow.
    """
    from vision.engine import Engine
    from vision.features import ExampleUnreadable
    from vision.report import readings, report

    exam = lineage.without_seen(examples, bundle.trained_on) if bundle.trained_on else examples
    done, total = 0, readings(len(exam))

    def count(more: int) -> None:
        nonlocal done
        done += more
        on_progress("test", done, total)

    count(0)
    found = report(Engine(bundle), _Files(exam), on_progress=count)
    if lost := sum(found["metrics"]["skipped"].values()):
        raise ExampleUnreadable(
            _(
                "%(count)d images of the test split cannot be read any more. Please import the "
                "dataset again."
            )
            % {"count": lost}
        )
    return {
        **found,
        "left_out": len(examples) - len(exam),
        "label_noise": label_noise(dataset),
    }


class _Files:
    """Examples as files, read anew whenever they are gone through.

    A file that is gone is empty, and so as unreadable as a broken one.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __iter__(self) -> Iterator[LabelledFile]:
        for example in self._examples:
            data = example.path.read_bytes() if example.path.is_file() else b""
            yield LabelledFile(example.digest, data, example.labels)


def facts_of_data(dataset: Dataset, curated: Curated) -> dict[str, Any]:
    """Which images, for a manifest: enough to select the same again; of corrections, how many of
    how many senders train."""
    senders = [example.sender for example in curated.train if example.sender]
    corrections = {"count": len(senders), "senders": len(set(senders))}
    return {
        "dataset": dataset.name,
        "recipe": curated.recipe,
        "seed": curated.seed,
        "fingerprint": curated.fingerprint,
        "counts": {
            split: len(getattr(curated, split)) for split in ("train", "validation", "test")
        },
        "corrections": corrections,
    }


def _training(run: TrainingRun, trunk: Bundle | None, fitted: "Fitted") -> dict[str, Any]:
    from vision.backbone import trunk_fingerprint

    return {
        "run": run.pk,
        "recipe": run.recipe,
        "seed": run.recipe["seed"],
        "trunk": trunk
        and {"version": str(run.trunk), "fingerprint": trunk_fingerprint(trunk.tensors)},
        "history": fitted.history,
        "libraries": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """What computes here, for a manifest. Imports Keras."""
    import keras

    return {name: metadata.version(name) for name in (keras.backend.backend(), *_LIBRARIES)}


def saved(bundle: Bundle, report: dict[str, Any]) -> Path:
    """Save a bundle with its model card under the model root, to be registered. Raises DiskFull,
    BundleError."""
    name = bundle.manifest["name"]
    folder: Path = settings.MODEL_ROOT / slugify(name)
    if not ModelVersion.objects.filter(bundle=folder.name).exists():
        # Left by a worker that was killed after the bundle was saved and before it had a row.
        shutil.rmtree(folder, ignore_errors=True)
    card = {"MODEL_CARD.md": model_card(bundle.manifest, report)}
    with full_disk_in_words():
        save_bundle(
            folder,
            bundle.manifest,
            bundle.tensors,
            documents=card,
            trained_on=bundle.trained_on,
        )
    return folder
