"""From a training run to the version it makes: fitted, tested, described, saved, registered."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
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
from .models import ModelVersion, TrainingRun
from .registry import bundle_path, free_name, register_bundle

if TYPE_CHECKING:
    from vision.fit import Fitted

_LIBRARIES = ("keras", "numpy", "pillow")
_HEADLINES = ("age_mae", "gender_accuracy", "race_accuracy", "race3_accuracy")


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
    exam = lineage.without_seen(curated.test, learnt)
    report = {
        **_tested(fitted, exam, journal),
        "left_out": len(curated.test) - len(exam),
        "label_noise": label_noise(run.dataset),
    }
    manifest = {
        **fitted.manifest,
        "name": free_name(f"{recipe.name}-{run.pk}"),
        "metrics": report["metrics"],
        "data": _data(run, curated),
        "training": _training(run, trunk, fitted),
        "created_at": timezone.now().isoformat(),
        "trained_on": learnt.about(),
    }
    return _published(run, Bundle(manifest, fitted.tensors, learnt), report, journal)


def _images_of(run: TrainingRun, recipe: str) -> Curated:
    """What a run trains on, and the test that all sit. Raises NothingLeft."""
    if not run.former_splits:
        return curations.curated(run.dataset, recipe)
    # It goes on with the images it was begun with; the exam no longer has what it learns from.
    begun_with = former.curated(run.dataset, recipe)
    return replace(begun_with, test=curations.curated(run.dataset, EXAM.name).test)


def _tested(fitted: "Fitted", examples: Sequence[Example], journal: Journal) -> dict[str, Any]:
    """The report on the held-back examples. Raises ExampleUnreadable."""
    from vision.engine import Engine
    from vision.features import ExampleUnreadable
    from vision.report import report

    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        journal.progress("test", done, len(examples))

    count(0)
    engine = Engine(Bundle(fitted.manifest, fitted.tensors))
    found = report(engine, _files(examples), on_progress=count)
    metrics = found["metrics"]
    if lost := sum(metrics["skipped"].values()):
        raise ExampleUnreadable(
            _(
                "%(count)d images of the test split cannot be read any more. Please import the "
                "dataset again."
            )
            % {"count": lost}
        )
    figures = [f"{key.replace('_', ' ')} {metrics[key]}" for key in _HEADLINES]
    journal.log(f"test on {metrics['n']} images: {', '.join(figures)}")
    return found


def _files(examples: Sequence[Example]) -> Iterator[LabelledFile]:
    """A file that is gone is empty, and so as unreadable as a broken one."""
    for example in examples:
        data = example.path.read_bytes() if example.path.is_file() else b""
        yield LabelledFile(example.digest, data, example.labels)


def _data(run: TrainingRun, curated: Curated) -> dict[str, Any]:
    return {
        "dataset": run.dataset.name,
        "recipe": curated.recipe,
        "seed": curated.seed,
        "fingerprint": curated.fingerprint,
        "counts": {
            split: len(getattr(curated, split)) for split in ("train", "validation", "test")
        },
    }


def _training(run: TrainingRun, trunk: Bundle | None, fitted: "Fitted") -> dict[str, Any]:
    import keras

    from vision.backbone import trunk_fingerprint

    libraries = (keras.backend.backend(), *_LIBRARIES)
    return {
        "run": run.pk,
        "recipe": run.recipe,
        "seed": run.recipe["seed"],
        "trunk": trunk
        and {"version": str(run.trunk), "fingerprint": trunk_fingerprint(trunk.tensors)},
        "history": fitted.history,
        "libraries": {name: metadata.version(name) for name in libraries},
    }


def _published(
    run: TrainingRun, bundle: Bundle, report: dict[str, Any], journal: Journal
) -> ModelVersion:
    """Save a bundle and register it; row and run change together or not at all."""
    name = bundle.manifest["name"]
    folder = settings.MODEL_ROOT / name
    if not ModelVersion.objects.filter(bundle=name).exists():
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
    with transaction.atomic():
        version = register_bundle(folder, name, report=report)
        journal.log(f"made the model {name}", version=version)
    run.version = version
    return version
