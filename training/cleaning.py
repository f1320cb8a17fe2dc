"""The reason of every sample of a dataset, written to its row."""

from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.lookups import Exact

from vision.cleaning import COPY_REASONS, Reason, Record, judge_copies
from vision.dataset import Labels

from .models import Dataset, Ruling, Sample

_BATCH = 2000


def judge(dataset: Dataset, group: int | None = None) -> None:
    """Find the copies in a dataset anew and let administrators' rulings have the last word.

    With `group` only among the images of that group, which is enough where a label has changed:
    no image outside shows the same picture. Nobody sees a dataset half judged: all rows change in
    one transaction.
    """
    samples = dataset.samples.all() if group is None else dataset.samples.filter(group=group)
    rows = list(samples.values_list(*_COLUMNS, named=True))
    verdicts = judge_copies([_record(row) for row in rows if row.digest])
    changed = []
    for row in rows:
        verdict = verdicts.get(row.pk)
        found = (verdict.reason or "") if verdict and _is_comparable(row) else row.found
        right = verdict.group if verdict else row.pk
        if (right, found) != (row.group, row.found):
            changed.append(Sample(pk=row.pk, group=right, found=found))
    with transaction.atomic():
        Sample.objects.bulk_update(changed, ["group", "found"], _BATCH)
        samples.update(reason=reason_under(F("ruling")))


_COLUMNS = (
    "pk", "name", "digest", "age", "gender", "race", "perceptual_hash", "found", "group",
)  # fmt: skip


def _is_comparable(row: Any) -> bool:
    """Whether only copies could speak against the image."""
    labelled = None not in (row.age, row.gender, row.race)
    return labelled and (not row.found or row.found in COPY_REASONS)


def _record(row: Any) -> Record:
    labels = Labels(row.age, row.gender, row.race) if _is_comparable(row) else None
    return Record(row.pk, row.name, row.digest, labels, int(row.perceptual_hash, 16))


def reason_under(ruling: Any) -> Case:
    """The reason of a sample under a ruling (a value, or the column of rulings).

    It is what cleaning found, unless an administrator ruled otherwise. An image without labels or
    without a readable file is never used, whatever was ruled.
    """
    usable = ~Q(digest="") & Q(age__isnull=False) & Q(gender__isnull=False) & Q(race__isnull=False)
    ruled = Value(ruling) if isinstance(ruling, str) else ruling
    return Case(
        When(Exact(ruled, Ruling.DROP) & Q(found=""), then=Value(Reason.EXCLUDED.value)),
        When(Exact(ruled, Ruling.KEEP) & usable, then=Value("")),
        default=F("found"),
    )
