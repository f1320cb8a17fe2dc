"""An exam without files, and what versions are said to have answered there."""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.factories import ModelVersionFactory
from tests.training.reports import HEADS
from training.exams.exam_store import current_exam, keep_outcome
from training.models import Exam, ExamImage, ModelVersion
from vision.evaluation.scores import Scores


def exam_of(scores: Scores) -> Exam:
    """An exam with the labels of some scores."""
    exam = Exam.objects.create(dataset_name="many", of_utkface=True)
    labels = zip(*(scores.labels[name] for name in ("age", "gender", "race")), strict=True)
    ExamImage.objects.bulk_create(
        ExamImage(
            exam=exam,
            position=position,
            digest=f"{position:064}",
            age=int(age),
            gender=int(gender),
            race=int(race),
        )
        for position, (age, gender, race) in enumerate(labels)
    )
    return exam


def examined(scores: Scores, **fields: Any) -> ModelVersion:
    """A version that gave these answers on the present exam."""
    fields = {"manifest": {"heads": HEADS}} | fields
    version: ModelVersion = ModelVersionFactory.create(**fields)
    sat(version, scores)
    return version


def sat(version: ModelVersion, scores: Scores) -> None:
    """Keep these answers of a version on the present exam, which is made if there is none."""
    exam = current_exam() or exam_of(scores)
    keep_outcome(exam, version, scores)


def without(scores: Scores, seen: Any) -> Scores:
    """The scores, silent about images that were learnt from."""
    silent = np.zeros(len(scores), np.bool_)
    silent[seen] = True
    return replace(
        scores,
        years=np.where(silent, np.nan, scores.years),
        low=np.where(silent, np.nan, scores.low),
        high=np.where(silent, np.nan, scores.high),
        promised=np.where(silent, np.nan, scores.promised),
        probabilities={
            name: np.where(silent[:, None], np.nan, column)
            for name, column in scores.probabilities.items()
        },
    )
