"""The exam that every version sits: frozen once, its outcomes kept image by image."""

from typing import Any

import numpy as np
from django.db.models import OuterRef, QuerySet, Subquery
from numpy.typing import NDArray

from training.datasets.example_files import path_of
from training.models import Exam, ExamOutcome, ModelVersion
from training.models.labels import LABEL_COLUMNS, labels_in
from vision.attributes import Labels
from vision.data.utkface import Example
from vision.evaluation import kept_scores
from vision.evaluation.by_estimate import by_estimate
from vision.evaluation.scores import Scores, figures


def current_exam() -> Exam | None:
    """The exam that versions are compared by, if there is one yet."""
    return Exam.objects.first()


def outcomes(version: ModelVersion) -> Scores | None:
    """What a version said of the N images of the present exam, in its order, beside their frozen
    labels; None where it has not been examined.

    What it has learnt from, or from a copy of, has NaN in every column, as a silent head has.
    """
    exam = current_exam()
    return _scores(exam, version) if exam else None


def paired_outcomes(a: ModelVersion, b: ModelVersion) -> tuple[Scores, Scores] | None:
    """What two versions said of the same images in the same order: those of the present exam that
    neither has learnt from. None where one of them has not been examined."""
    exam = current_exam()
    if exam is None:
        return None
    one, other = _scores(exam, a), _scores(exam, b)
    if one is None or other is None:
        return None
    neither = _answered(one) & _answered(other)
    return one.where(neither), other.where(neither)


def facts_of(exam: Exam) -> dict[str, Any]:
    """What is told of an exam beside figures: whose images, since when, how many they are, and how
    often they were looked at: the number of versions that were scored on them."""
    return {
        "dataset": exam.dataset_name,
        "frozen_at": exam.created_at.isoformat(),
        "images": exam.images.count(),
        "versions": exam.outcomes.count(),
    }


def figures_by_version(exam: Exam) -> list[dict[str, Any]]:
    """The figures of every version that was scored, in the order in which they were made."""
    rows = exam.outcomes.order_by("version_id").values_list("version__name", "figures")
    return [{"model_version": name, **found} for name, found in rows]


def figures_of(version: ModelVersion) -> dict[str, Any] | None:
    """A version's figures on the present exam, with the number `n` of images that it has not learnt
    from; None where it has not been examined."""
    found = ExamOutcome.objects.filter(exam=current_exam(), version=version)
    figures: dict[str, Any] | None = found.values_list("figures", flat=True).first()
    return figures


def with_figures(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """The versions with `exam_figures`, those on the present exam; None where not examined."""
    outcome = ExamOutcome.objects.filter(exam=current_exam(), version=OuterRef("pk"))
    return versions.annotate(exam_figures=Subquery(outcome.values("figures")[:1]))


def keep_outcome(exam: Exam, version: ModelVersion, scores: Scores) -> None:
    """Keep what a version said of an exam's images, in their order, NaN where it is not asked."""
    asked = scores.where(_answered(scores))
    ExamOutcome.objects.update_or_create(
        exam=exam,
        version=version,
        defaults={
            "scores": kept_scores.as_bytes(scores),
            "figures": {"n": len(asked), **figures(asked)},
            "by_estimate": by_estimate(asked),
        },
    )


def without_groups() -> QuerySet[ExamOutcome]:
    """The outcomes that earlier releases kept, which were not told by estimate."""
    return ExamOutcome.objects.filter(by_estimate__isnull=True)


def add_groups() -> None:
    """Tell by estimate whatever was said on any exam and is not told so yet."""
    for outcome in without_groups().select_related("exam"):
        scores = kept_scores.read(bytes(outcome.scores), labels_of(outcome.exam))
        outcome.by_estimate = by_estimate(scores.where(_answered(scores)))
        outcome.save(update_fields=["by_estimate"])


def images_of(exam: Exam) -> list[Example]:
    """The exam's images with their frozen labels, in its order."""
    images = exam.images.order_by("position")
    return [Example(one.digest, path_of(one.digest), one.labels) for one in images]


def labels_of(exam: Exam) -> list[Labels]:
    """The frozen labels, in the exam's order."""
    rows = exam.images.order_by("position").values_list(*LABEL_COLUMNS, named=True)
    return [labels_in(row) for row in rows]


def _scores(exam: Exam, version: ModelVersion) -> Scores | None:
    outcome = ExamOutcome.objects.filter(exam=exam, version=version).first()
    return kept_scores.read(bytes(outcome.scores), labels_of(exam)) if outcome else None


def _answered(scores: Scores) -> NDArray[np.bool_]:
    """The images (N,) that any head says anything of."""
    columns = [scores.years, *(column[:, 0] for column in scores.probabilities.values())]
    answered: NDArray[np.bool_] = np.logical_not(np.isnan(np.stack(columns)).all(axis=0))
    return answered
