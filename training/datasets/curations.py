"""What the policies select of a dataset, kept beside it so that pages need not compute it."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import Value

from training.models import Curation, Dataset, SplitName
from training.models.labels import LABEL_COLUMNS, labels_in
from vision.attributes import ATTRIBUTES, SHIPPED, Attribute
from vision.data.cleaning import Reason
from vision.data.selection import EXAM, POLICIES, Candidate, Selection, select, with_exam
from vision.data.utkface import Curated

from . import contents, example_files, stored_contents


def selection(dataset: Dataset, policy: str, seed: int = 0) -> Selection:
    """What a policy of `vision.data.selection.POLICIES` trains and validates on of a dataset as it
    is
    now, and the test images that all policies share."""
    candidates = _candidates(dataset)
    exam = select(EXAM, candidates, seed)
    return with_exam(select(POLICIES[policy], candidates, seed), exam)


def curated(dataset: Dataset, policy: str, seed: int = 0) -> Curated:
    """The selected examples with their files. Raises vision.data.selection.NothingLeft."""
    return selection(dataset, policy, seed).curated(example_files.path_of)


def bring_here(curated: Curated, on_progress: Callable[[str, int, int], None]) -> None:
    """Have the files of all examples on this machine. Raises ImagesMissing, StorageSilent, DiskFull
    and what `on_progress` raises."""
    examples = chain(curated.train, curated.validation, curated.test)
    stored_contents.bring_here((one.digest for one in examples), on_progress)


def current(dataset: Dataset, seed: int = 0) -> dict[str, Curation]:
    """Recipe → what it selects of the dataset's present revision.

    Computed where the dataset has changed since somebody asked (some 25 µs an image for both), so
    that an administrator who rules on one image after another does not wait for each.
    """
    found = {c.policy: c for c in dataset.curations.filter(seed=seed, revision=dataset.revision)}
    if set(found) != set(POLICIES):
        found = _curate(dataset, seed)
    return {policy: found[policy] for policy in POLICIES}


def _curate(dataset: Dataset, seed: int) -> dict[str, Curation]:
    candidates = _candidates(dataset)
    exam = select(EXAM, candidates, seed)
    chosen = [select(policy, candidates, seed) for policy in POLICIES.values()]
    made = [_curation(dataset, one, with_exam(one, exam).fingerprint) for one in chosen]
    with transaction.atomic():
        unchanged = Dataset.objects.filter(pk=dataset.pk, revision=dataset.revision)
        # Where the dataset went on in the meantime, what others recorded of it is newer.
        if unchanged.select_for_update().first():
            Curation.objects.bulk_create(
                made,
                update_conflicts=True,
                unique_fields=["dataset", "policy", "seed"],
                update_fields=["revision", "fingerprint", "funnel", "cells", "corrections"],
            )
    return {curation.policy: curation for curation in made}


def _curation(dataset: Dataset, chosen: Selection, fingerprint: str) -> Curation:
    return Curation(
        dataset=dataset,
        policy=chosen.policy,
        seed=chosen.seed,
        revision=dataset.revision,
        fingerprint=fingerprint,
        funnel=[asdict(step) for step in chosen.funnel],
        cells=_cells(chosen),
        corrections=Counter(c.sender for c, _ in chosen.chosen if c.sender),
    )


def split_table(chosen: Selection) -> str:
    """A selection as CSV, for others to reuse: file, content, labels and split of every image, and
    the sender of each correction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "sha256", *ATTRIBUTES, "split", "sender"])
    for candidate, split in sorted(chosen.chosen, key=lambda pair: pair[0].name):
        if (labels := candidate.labels) is not None:
            cells = [_cell(one, labels.get(name)) for name, one in ATTRIBUTES.items()]
            writer.writerow([candidate.name, candidate.digest, *cells, split, candidate.sender])
    return text.getvalue()


def _cell(attribute: Attribute, value: int | None) -> int | str:
    if value is None:
        return ""
    return attribute.labels[value] if attribute.labels else value


def _candidates(dataset: Dataset) -> list[Candidate]:
    columns = ("name", "digest", *LABEL_COLUMNS, "reason", "split", "sender")
    # What cannot be read is in no split; it is set aside before anybody asks.
    samples = dataset.samples.annotate(split=contents.of_sample("split", Value(SplitName.TRAIN)))
    return [_candidate(row) for row in samples.values_list(*columns, named=True)]


def _candidate(row: Any) -> Candidate:
    labels = labels_in(row)
    reason = Reason(row.reason) if row.reason else None
    usable = labels if labels.keys() >= set(SHIPPED) else None
    return Candidate(row.name, row.digest, usable, reason, row.split, row.sender)


def _cells(chosen: Selection) -> list[list[str | int]]:
    counts = Counter(
        (split, labels["race"], labels["gender"], labels["age"])
        for candidate, split in chosen.chosen
        if (labels := candidate.labels)
    )
    return [[*cell, count] for cell, count in sorted(counts.items())]
