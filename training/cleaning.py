"""The reason of every sample of a dataset, written to its row."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from vision.cleaning import COPY_REASONS, Reason, Record, judge_copies
from vision.dataset import Labels

from .models import Dataset, Ruling, Sample

_BATCH = 2000


def judge(dataset: Dataset) -> None:
    """Find the copies in a dataset anew and let administrators' rulings have the last word.

    Nobody sees a dataset half judged: all rows change in one transaction.
    """
    samples = dataset.samples
    comparable = samples.exclude(digest="").filter(
        age__isnull=False, gender__isnull=False, race__isnull=False
    )
    comparable = comparable.filter(Q(found="") | Q(found__in=COPY_REASONS))
    rows = comparable.values_list(*_COLUMNS, named=True)
    verdicts = judge_copies([_record(row) for row in rows])
    before = dict(comparable.values_list("pk", "found"))
    groups = dict(samples.values_list("pk", "group"))
    with transaction.atomic():
        changed = []
        for pk, group in groups.items():
            verdict = verdicts.get(pk)
            found = verdict.reason or "" if verdict else None
            right_group = verdict.group if verdict else pk
            if right_group != group or (found is not None and found != before[pk]):
                changed.append(Sample(pk=pk, group=right_group, found=found or ""))
        _write(changed, verdicts.keys())
        apply_rulings(dataset)


_COLUMNS = ("pk", "name", "digest", "age", "gender", "race", "perceptual_hash")


def _record(row: Any) -> Record:
    labels = Labels(row.age, row.gender, row.race)
    return Record(row.pk, row.name, row.digest, labels, int(row.perceptual_hash, 16))


def _write(changed: list[Sample], judged: Iterable[int]) -> None:
    compared = set(judged)
    Sample.objects.bulk_update(
        [sample for sample in changed if sample.pk in compared], ["group", "found"], _BATCH
    )
    # What could not be compared keeps the reason it came with.
    Sample.objects.bulk_update(
        [sample for sample in changed if sample.pk not in compared], ["group"], _BATCH
    )


def apply_rulings(dataset: Dataset) -> None:
    """Set each sample's reason: what cleaning found, unless an administrator ruled otherwise.

    An image without labels or without a readable file is never used, whatever was ruled.
    """
    usable = ~Q(digest="") & Q(age__isnull=False) & Q(gender__isnull=False) & Q(race__isnull=False)
    dataset.samples.update(
        reason=Case(
            When(ruling=Ruling.DROP, found="", then=Value(Reason.EXCLUDED.value)),
            When(Q(ruling=Ruling.KEEP) & usable, then=Value("")),
            default=F("found"),
        )
    )
