"""The exam that all versions take: frozen, and its outcomes kept image by image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import ModelVersionFactory
from tests.training.examined import without
from training.exams.exam_store import keep_outcome, outcomes, paired_outcomes
from training.models import Exam, ExamImage
from vision.attributes import RACE
from vision.evaluation.scores import Scores

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())


@pytest.fixture
def exam(db: None) -> Exam:
    """Five images aged 10 to 50, all labelled alike; no files."""
    exam = Exam.objects.create(dataset_name="five")
    for position in range(5):
        age = 10 * (position + 1)
        ExamImage.objects.create(
            exam=exam, position=position, digest=f"{position:064}", age=age, gender=1, race=2
        )
    return exam


def said(off_by: float, seen: tuple[int, ...] = ()) -> Scores:
    """Somebody takes all five for so many years older, and two in three for women."""
    age = np.arange(10, 60, 10)
    years: Any = age.astype(np.float64)
    scores = Scores(
        labels={"age": age, "gender": np.ones(5, np.int64), "race": np.full(5, 2)},
        years=years + off_by,
        low=years - 5,
        high=years + 5,
        promised=np.full(5, 0.8),
        probabilities={
            "gender": np.tile([1 / 3, 2 / 3], (5, 1)),
            "race": np.tile(np.eye(len(RACE.labels))[2], (5, 1)),
        },
    )
    return without(scores, list(seen))


def test_outcomes_come_back_image_by_image_beside_the_frozen_labels(exam: Exam) -> None:
    version = ModelVersionFactory.create()
    assert outcomes(version) is None
    keep_outcome(exam, version, said(0.3, seen=(1,)))
    found = outcomes(version)
    assert found
    assert found.labels["age"].tolist() == [10, 20, 30, 40, 50]
    np.testing.assert_allclose(found.error, [0.3, np.nan, 0.3, 0.3, 0.3], rtol=1e-5)
    np.testing.assert_allclose(found.probabilities["gender"][0], [1 / 3, 2 / 3], rtol=1e-6)
    figures = version.outcomes.get().figures
    assert (figures["n"], figures["age_mae"], figures["race_accuracy"]) == (4, 0.3, 1.0)


def test_two_versions_are_compared_on_the_images_that_neither_has_learnt_from(exam: Exam) -> None:
    one, other, third = ModelVersionFactory.create_batch(3)
    keep_outcome(exam, one, said(1.0, seen=(0,)))
    keep_outcome(exam, other, said(2.0, seen=(0, 4)))
    pair = paired_outcomes(one, other)
    assert pair
    first, second = pair
    assert first.labels["age"].tolist() == second.labels["age"].tolist() == [20, 30, 40]
    np.testing.assert_allclose(second.error - first.error, 1.0, rtol=1e-5)
    assert paired_outcomes(one, third) is None
    assert paired_outcomes(third, one) is None


def test_without_an_exam_nothing_is_compared() -> None:
    one, other = ModelVersionFactory.create_batch(2)
    assert outcomes(one) is None
    assert paired_outcomes(one, other) is None
