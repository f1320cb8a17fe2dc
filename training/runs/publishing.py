"""From what was trained or calibrated to a version: tested, described, saved, registered."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from training.datasets import curations, former, lineage
from training.datasets.example_files import ExampleFiles
from training.datasets.stored_contents import ImagesMissing
from training.eda.label_noise import label_noise
from training.exams.exam_store import keep_outcome
from training.exams.examinations import answers
from training.exams.freezing import settled_exam
from training.exams.label_facts import label_facts
from training.messages import named_figure
from training.models import Dataset, Exam, ModelVersion, TrainingRun
from training.registry.figures import figure_text
from training.registry.loading import load_engine
from training.registry.stored_bundles import load_version, store_if_possible
from training.registry.versions import export_if_possible, free_name, register_bundle
from training.reports.model_cards import model_card
from training.shared_files import StorageSilent
from vision.bundles.bundle import Bundle, save_bundle
from vision.bundles.trained_on import TrainedOn
from vision.data.selection import CORRECTIONS_SHARE, EXAM, SENDER_SHARE
from vision.data.utkface import Curated, Example
from vision.diskspace import full_disk_in_words
from vision.evaluation.evaluate import Predictor, score
from vision.evaluation.robustness import figure_names
from vision.evaluation.scores import Scores
from vision.messages import Message, Parameter, several
from vision.training.known_recipes import recorded
from vision.training.recipe import Workspace
from vision.types import FaceAttributes

from .training_log import TrainingLog

if TYPE_CHECKING:
    from vision.training.head_training import Fitted

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]

_LIBRARIES = ("keras", "numpy", "pillow")


def make_version(run: TrainingRun, folder: Path, log: TrainingLog) -> ModelVersion:
    """Train what a run asks for, with checkpoints in `folder`, and make a version of it.

    The version is there whole, and the run's, from one moment to the next. Raises kinds of
    VisionError, and what the log raises. Imports TensorFlow.
    """
    recipe = recorded(run.recipe)
    lineage.bring_up_to_date(log.progress)
    exam = settled_exam(run.own_dataset)
    curated = _images_of(run, recipe.policy)
    images: dict[str, Parameter] = {
        "train": len(curated.train),
        "validation": len(curated.validation),
        "test": len(curated.test),
    }
    of_what = {"recipe": recipe.name, "dataset": str(run.own_dataset)}
    log.write(Message("log.images", {**of_what, **images}))
    if told := _corrections_told(curated):
        log.write(several(told))
    curations.bring_here(curated, log.progress)
    backbone = load_version(run.backbone) if run.backbone else None
    workspace = Workspace(folder, settings.FEATURE_ROOT, settings.FEATURE_BYTES)
    fitted = recipe.train(backbone, curated, workspace, log)
    untested = Bundle(
        {**fitted.manifest, "training": _training(run, backbone, fitted)},
        fitted.tensors,
        lineage.of_training(curated, backbone),
    )
    tested = tested_on(untested, curated, run.own_dataset, exam, log.progress)
    log.write(tested.told())
    name = free_name(f"{recipe.name}-{run.pk}")
    folder = tested.saved(name)
    with transaction.atomic():
        version = registered(folder, name, tested.findings)
        log.write(Message("model_made", {"name": version.name}), version=version)
    run.version = version
    return version


def _corrections_told(curated: Curated) -> list[Message]:
    """How many corrections train and why others do not, for a log; empty without any."""
    trained, left_out = len(_senders(curated)), curated.corrections_left_out
    if not trained and not left_out:
        return []
    shares = {"sender_bound": SENDER_SHARE, "joint_bound": CORRECTIONS_SHARE}
    why = [
        Message(f"log.{reason}", {"count": count, "share": 100 * shares.get(reason, 0)})
        for reason, count in left_out.items()
    ]
    given = trained + sum(left_out.values())
    return [Message("log.corrections", {"trained": trained, "given": given}), *why]


def _senders(curated: Curated) -> list[str]:
    """The sender of each correction that trains."""
    return [example.sender for example in curated.train if example.sender]


def _images_of(run: TrainingRun, recipe: str) -> Curated:
    """What a run trains on, and the test that all sit. Raises NothingLeft."""
    if not run.former_splits:
        return curations.curated(run.own_dataset, recipe)
    # It goes on with the images it was begun with; the exam no longer has what it learns from.
    begun_with = former.curated(run.own_dataset, recipe)
    return replace(begun_with, test=curations.curated(run.own_dataset, EXAM.name).test)


@dataclass(frozen=True)
class Findings:
    """`report`: on a dataset's own test, by `vision.evaluation.report`. `outcome`: an exam and what
    was said
    of its images, for `exams.keep_outcome`; None without an exam, or where its images are lost."""

    report: dict[str, Any]
    outcome: tuple[Exam, Scores] | None


@dataclass(frozen=True)
class Tested:
    """What was trained, with all that its manifest says but a name, and what was found of it."""

    bundle: Bundle
    findings: Findings

    def told(self) -> Message:
        """The figures that matter most, for a log."""
        metrics = self.findings.report["metrics"]
        figures = [
            Message("log.figure", {"name": named_figure(key), "value": figure_text(metrics, key)})
            for key in figure_names()
        ]
        return Message("log.tested", {"count": metrics["n"], "figures": figures})

    def saved(self, name: str) -> Path:
        """As `saved`, by a name."""
        manifest = {**self.bundle.manifest, "name": name}
        return saved(replace(self.bundle, manifest=manifest), self.findings.report)


def tested_on(
    bundle: Bundle,
    curated: Curated,
    dataset: Dataset,
    exam: Exam | None,
    on_progress: OnProgress,
) -> Tested:
    """Test what was trained on a selection of a dataset; its list of what it has learnt from is
    with it. Raises as `findings_of` does. Imports TensorFlow."""
    labels = label_facts(curated, on_progress)
    found = findings_of(bundle, curated.test, dataset, exam, on_progress)
    manifest = {
        **bundle.manifest,
        "metrics": found.report["metrics"],
        "data": facts_of_data(dataset, curated),
        "labels": labels,
        "created_at": timezone.now().isoformat(),
    }
    if bundle.trained_on is not None:
        manifest["trained_on"] = bundle.trained_on.about()
    return Tested(replace(bundle, manifest=manifest), found)


def findings_of(
    bundle: Bundle,
    examples: Sequence[Example],
    dataset: Dataset,
    exam: Exam | None,
    on_progress: OnProgress,
) -> Findings:
    """Test a bundle on a dataset's test and on the exam, less what it was trained on and near
    copies of it. It is asked once about an image that is in both.

    Raises ExampleUnreadable where images of the dataset are lost. Imports TensorFlow.
    """
    from vision.evaluation.report import readings, report_on

    own = lineage.without_seen(examples, bundle.trained_on) if bundle.trained_on else examples
    done, total = 0, readings(len(own))

    def count(more: int) -> None:
        nonlocal done
        done += more
        on_progress("test", done, total)

    count(0)
    engine, files = load_engine(bundle), ExampleFiles(own)
    evaluation = score(engine, files, on_progress=count)
    _refuse_lost(evaluation.skipped)
    report = {
        **report_on(evaluation, engine, files, on_progress=count),
        "left_out": len(examples) - len(own),
        "label_noise": label_noise(dataset),
    }
    if exam is None:
        return Findings(report, None)
    scores = _answers(engine, bundle.trained_on, exam, evaluation.said, on_progress)
    return Findings(report, None if scores is None else (exam, scores))


def _answers(
    engine: Predictor,
    learnt: TrainedOn | None,
    exam: Exam,
    said: Mapping[str, FaceAttributes],
    on_progress: OnProgress,
) -> Scores | None:
    """What is made at such cost is not lost where the exam's images are: it is examined later."""
    from vision.data.crop_files import ExampleUnreadable

    try:
        return answers(engine, exam, learnt, said, partial(on_progress, "exam"))
    except (ExampleUnreadable, ImagesMissing, StorageSilent) as error:
        logger.warning("Not examined: %s", error)
        return None


def _refuse_lost(skipped: Mapping[str, int]) -> None:
    from vision.data.crop_files import ExampleUnreadable

    if lost := sum(skipped.values()):
        raise ExampleUnreadable("test", count=lost)


def facts_of_data(dataset: Dataset, curated: Curated) -> dict[str, Any]:
    """Which images, for a manifest: enough to select the same again; of corrections, how many of
    how many senders train."""
    senders = _senders(curated)
    corrections = {"count": len(senders), "senders": len(set(senders))}
    return {
        "dataset": dataset.name,
        "recipe": curated.policy,
        "seed": curated.seed,
        "fingerprint": curated.fingerprint,
        "counts": {
            split: len(getattr(curated, split)) for split in ("train", "validation", "test")
        },
        "corrections": corrections,
    }


def _training(run: TrainingRun, backbone: Bundle | None, fitted: "Fitted") -> dict[str, Any]:
    from vision.backbone.vgg16 import backbone_fingerprint

    return {
        "run": run.pk,
        "recipe": run.recipe,
        "seed": run.recipe["seed"],
        "trunk": backbone
        and {"version": str(run.backbone), "fingerprint": backbone_fingerprint(backbone.tensors)},
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
    # Here, since a registration holds a transaction open.
    export_if_possible(folder)
    store_if_possible(folder)
    return folder


def registered(folder: Path, name: str, found: Findings) -> ModelVersion:
    """Make a version of a saved bundle, with all that was found of it. Raises BundleError."""
    with transaction.atomic():
        version = register_bundle(folder, name, report=found.report)
        if found.outcome:
            exam, scores = found.outcome
            keep_outcome(exam, version, scores)
    return version
