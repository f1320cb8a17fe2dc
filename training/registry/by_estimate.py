"""What a version's estimates are worth, by what it estimated: found when it was tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.models import ExamOutcome, ModelVersion


@dataclass(frozen=True)
class EstimateGroups:
    """The groups of `vision.evaluation.by_estimate`, and the dataset whose images they are of;
    that is empty where nothing but the version's own report tells of them."""

    groups: Sequence[Mapping[str, Any]]
    dataset: str = ""


def groups_by_estimate(version: ModelVersion) -> EstimateGroups | None:
    """How a version did on the exam or, where it has not sat that or the exam is too small to tell,
    on its own test images; None where neither is known."""
    outcomes = ExamOutcome.objects.filter(version=version, by_estimate__isnull=False)
    # The exam that versions are compared by comes first, as `Exam` sorts them.
    latest = outcomes.order_by("-exam__of_utkface", "-exam__pk")
    sat = latest.values_list("by_estimate", "exam__dataset_name")
    if found := sat.exclude(by_estimate=[]).first():
        groups, dataset = found
        return EstimateGroups(groups or (), dataset)
    # Of a long report only this is read.
    reports = ModelVersion.objects.filter(pk=version.pk)
    reported = reports.values_list("report__by_estimate", flat=True).first()
    if reported is None and not sat.exists():
        return None
    return EstimateGroups(reported or ())
