"""Scoring versions on the exam: whichever has no outcome there yet, image by image."""

import logging
from collections.abc import Callable, Mapping

from django.db.models import Exists, OuterRef

from training.datasets import lineage
from training.datasets.example_files import ExampleFiles
from training.models import Exam, ExamOutcome, ModelVersion
from training.registry.loading import load_engine
from training.registry.stored_bundles import load_version
from vision.bundles.trained_on import TrainedOn
from vision.errors import VisionError
from vision.evaluation.evaluate import Predictor, score
from vision.evaluation.scores import Scores, collect
from vision.messages import Message
from vision.types import FaceAttributes

from .exam_store import images_of, keep_outcome

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


def waiting(exam: Exam) -> list[ModelVersion]:
    """The versions that estimate something and have no outcome of an exam yet, oldest first."""
    outcome = ExamOutcome.objects.filter(exam=exam, version=OuterRef("pk"))
    rows = ModelVersion.objects.exclude(Exists(outcome)).order_by("pk").defer("report")
    # A backbone without heads says nothing that could be examined.
    return [version for version in rows if version.manifest.get("heads")]


def examine_waiting(exam: Exam, on_progress: Progress) -> dict[str, Message]:
    """Score every version that has no outcome yet; name → why, of those that cannot be.

    Each outcome is kept at once, so that whoever is cut off goes on where it stood. Raises
    whatever `on_progress` raises. Imports TensorFlow.
    """
    versions, failed = waiting(exam), {}
    for number, version in enumerate(versions):

        def count(done: int, total: int, number: int = number) -> None:
            on_progress("exam", number * total + done, len(versions) * total)

        try:
            examine(version, exam, count)
        except VisionError as error:
            logger.warning("%s cannot be examined: %s", version, error)
            failed[version.name] = error.message
    return failed


def examine(version: ModelVersion, exam: Exam, on_progress: Callable[[int, int], None]) -> None:
    """Score one version and keep what it says. Raises VisionError's kinds. Imports TensorFlow."""
    bundle = load_version(version)
    scores = answers(load_engine(bundle), exam, bundle.trained_on, {}, on_progress)
    keep_outcome(exam, version, scores)


def answers(
    engine: Predictor,
    exam: Exam,
    learnt: TrainedOn | None,
    said: Mapping[str, FaceAttributes],
    on_progress: Callable[[int, int], None],
) -> Scores:
    """What an engine says of the N images of an exam, NaN where it has learnt from one.

    `said` has, by digest, what it has said already, which it is not asked again. Raises
    ExampleUnreadable where images are lost. Imports TensorFlow.
    """
    from vision.data.crop_files import ExampleUnreadable

    images = images_of(exam)
    seen = lineage.seen(images, learnt) if learnt else [False] * len(images)
    asked = [image for image, is_seen in zip(images, seen, strict=True) if not is_seen]
    missing = [image for image in asked if image.digest not in said]
    done = len(images) - len(missing)

    def count(more: int) -> None:
        nonlocal done
        done += more
        on_progress(done, len(images))

    count(0)
    evaluation = score(engine, ExampleFiles(missing), on_progress=count)
    if lost := sum(evaluation.skipped.values()):
        raise ExampleUnreadable("exam", count=lost, dataset=exam.dataset_name)
    known = {**said, **evaluation.said}
    silent = FaceAttributes()
    return collect(
        [image.labels for image in images],
        [
            silent if is_seen else known[image.digest]
            for image, is_seen in zip(images, seen, strict=True)
        ],
    )
