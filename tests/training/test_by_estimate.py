"""What a version's estimates are worth: found when it is examined, added to older outcomes."""

from dataclasses import replace

import numpy as np
import pytest

from tests.factories import ModelVersionFactory
from tests.training.examined import examined, without
from tests.training.reports import HEADS
from tests.vision.answers import two_models
from training.exams.exam_runs import examine_all, is_needed
from training.models import Exam, ExamOutcome
from training.registry.by_estimate import EstimateGroups, groups_by_estimate
from vision.evaluation.by_estimate import by_estimate

pytestmark = pytest.mark.django_db

MODEL, _ = two_models()
# As exact as they are kept.
SCORES = replace(MODEL, years=MODEL.years.astype(np.float32).astype(np.float64))


def test_it_is_of_the_exams_images_that_it_has_not_learnt_from() -> None:
    version = examined(without(SCORES, slice(0, 500)))
    told = groups_by_estimate(version)
    assert told is not None
    assert told.dataset == "many"
    assert told.groups == by_estimate(SCORES.where(np.arange(len(SCORES)) >= 500))
    [everybody] = [group for group in told.groups if set(group) == {"figures"}]
    assert everybody["figures"]["age_mae"]["n"] == len(SCORES) - 500


def test_an_outcome_of_an_earlier_release_is_told_by_the_next_examination() -> None:
    version = examined(SCORES, manifest={"heads": HEADS, "files": {}})
    told = groups_by_estimate(version)
    ExamOutcome.objects.update(by_estimate=None)
    assert groups_by_estimate(version) is None
    assert is_needed()
    examine_all(lambda *_: None)
    assert groups_by_estimate(version) == told
    assert not is_needed()


def test_the_exam_that_versions_are_compared_by_comes_first() -> None:
    version = examined(SCORES)
    other = Exam.objects.create(dataset_name="other", of_utkface=False)
    ExamOutcome.objects.create(
        exam=other, version=version, scores=b"", figures={}, by_estimate=[{"figures": {}}]
    )
    told = groups_by_estimate(version)
    assert told is not None
    assert told.dataset == "many"


def test_without_an_exam_its_own_test_images_tell() -> None:
    groups = by_estimate(SCORES)
    tested = ModelVersionFactory.create(report={"by_estimate": groups})
    assert groups_by_estimate(tested) == EstimateGroups(groups)
    assert groups_by_estimate(ModelVersionFactory.create()) is None
    assert groups_by_estimate(ModelVersionFactory.create(report={"metrics": {}})) is None


def test_an_exam_too_small_to_tell_leaves_it_to_its_own_test_images() -> None:
    version = examined(SCORES)
    ExamOutcome.objects.update(by_estimate=[])
    assert groups_by_estimate(version) == EstimateGroups(())
    groups = by_estimate(SCORES)
    version.report = {"by_estimate": groups}
    version.save()
    assert groups_by_estimate(version) == EstimateGroups(groups)
