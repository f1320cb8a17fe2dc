"""The reason of every sample of a dataset, written to its row."""

from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.lookups import Exact

from training.models import Dataset, Override, Sample
from training.models.labels import HAS_LABELS, LABEL_COLUMNS, labels_in
from vision.attributes import SHIPPED
from vision.data.cleaning import COPY_REASONS, Reason, Record, judge_copies

from .contents import of_sample

_BATCH = 2000


def judge(dataset: Dataset, group: int | None = None) -> None:
    """Judge the copies in a dataset anew and let administrators' overrides have the last word.

    With `group` only among the images of that group, which is enough where a label has changed:
    no image outside shows the same picture. Nobody sees a dataset half judged: all rows change in
    one transaction.
    """
    samples = dataset.samples.all() if group is None else dataset.samples.filter(group=group)
    # What cannot be read shows no picture that others could show: no content has such a key.
    pictures = samples.annotate(picture=of_sample("group", -F("pk")))
    rows = list(pictures.values_list(*_COLUMNS, named=True))
    verdicts = judge_copies([_record(row) for row in rows if _is_comparable(row)])
    changed = []
    for row in rows:
        found = verdicts[row.pk] or "" if row.pk in verdicts else row.found
        if (row.picture, found) != (row.group, row.found):
            changed.append(Sample(pk=row.pk, group=row.picture, found=found))
    with transaction.atomic():
        Sample.objects.bulk_update(changed, ["group", "found"], _BATCH)
        samples.update(reason=reason_under(F("override")))


_COLUMNS = (
    "pk", "name", "digest", *LABEL_COLUMNS, "found", "group", "picture", "sender",
)  # fmt: skip


def _is_comparable(row: Any) -> bool:
    """Whether only copies could speak against the image."""
    usable = row.digest and labels_in(row).keys() >= set(SHIPPED)
    return bool(usable) and (not row.found or row.found in COPY_REASONS)


def _record(row: Any) -> Record:
    labels, is_correction = labels_in(row), bool(row.sender)
    return Record(row.pk, row.name, row.digest, labels, row.picture, is_correction)


def reason_under(override: Any) -> Case:
    """The reason of a sample under an override (a value, or the column of overrides).

    It is what cleaning found, unless an administrator ruled otherwise. An image without labels, be
    it that somebody has emptied one, or without a readable file is never used, whatever was ruled.
    """
    usable = ~Q(digest="") & HAS_LABELS
    ruled = Value(override) if isinstance(override, str) else override
    return Case(
        When(Exact(ruled, Override.DROP) & Q(found=""), then=Value(Reason.EXCLUDED.value)),
        When(Exact(ruled, Override.KEEP) & usable, then=Value("")),
        When(Q(found="") & ~HAS_LABELS, then=Value(Reason.MALFORMED_NAME.value)),
        default=F("found"),
    )
