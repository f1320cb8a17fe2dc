"""What a dataset holds, in numbers: one cube from the database, and everything summed from it.

The cube is cached by the dataset's revision, so a page asks the database once per change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import Count
from numpy.typing import NDArray

from training.datasets import copies, curations
from training.models import Curation, Dataset
from training.models.labels import HAS_LABELS, label_value
from vision.attributes import (
    AGE_BINS,
    ATTRIBUTES,
    GENDER,
    OLDEST_AGE,
    RACE,
    Attribute,
    age_bin,
    grouping,
    labelled,
)
from vision.data.selection import EXAM

from .label_noise import identical_files, label_noise

Counts = NDArray[np.int64]
SHAPE = (len(RACE.labels), len(GENDER.labels), OLDEST_AGE + 1)
# Where a cube counts the labels of an attribute.
_AXES = {RACE.name: 0, GENDER.name: 1}

# The student deck's funnel, step by step as in `Curation.funnel` of the classic policy.
DECK_FUNNEL: dict[str, int] = {
    "files": 23_708,
    "consistent": 23_519,
    "races": 17_907,
    "balanced": 10_275,
}
# A cell of race × gender × decade below this is too small to learn from or to judge by.
SMALL_CELL = 50
_CACHE = "eda-4"  # another one for another shape of `Figures`
_CACHED_FOR = 30 * 24 * 3600
# The edges of the bins. Sharpness spans four orders of magnitude, so its bins grow.
_EDGES: dict[str, NDArray[np.float64]] = {
    "brightness": np.linspace(0, 255, 52),
    "sharpness": np.geomspace(1, 10_000, 49),
}


@dataclass(frozen=True)
class Figures:
    """`cubes`: counts of labelled samples by reason ("" for those used), each int64 (races,
    genders, ages). `further`: attribute → reason → counts of the labels of an attribute that the
    cubes do not tell, each int64 (labels,). `reasons`: samples by reason, labelled or not.
    `senders`: corrections by who gave them."""

    cubes: dict[str, Counts]
    further: dict[str, dict[str, Counts]]
    reasons: dict[str, int]
    histograms: dict[str, list[int]]
    resolutions: dict[str, int]
    copies: dict[str, int]
    label_noise: dict[str, Any]
    senders: dict[str, int]

    @cached_property
    def labelled(self) -> Counts:
        """Every labelled sample, used or not: (races, genders, ages)."""
        return self.with_reasons(self.cubes)

    @property
    def used(self) -> Counts:
        """The samples that no reason sets aside: (races, genders, ages)."""
        return self.with_reasons([""])

    def with_reasons(self, reasons: Iterable[str]) -> Counts:
        """The labelled samples with one of the reasons: (races, genders, ages)."""
        found = [self.cubes[reason] for reason in reasons if reason in self.cubes]
        total: Counts = np.sum(found, axis=0) if found else np.zeros(SHAPE, np.int64)
        return total

    def labels_of(self, name: str, reasons: Iterable[str] | None = None) -> Counts:
        """How many labelled samples have each label of an attribute, (labels,); with `reasons`
        only those with one of them."""
        if name in _AXES:
            cube = self.labelled if reasons is None else self.with_reasons(reasons)
            found: Counts = cube.sum(axis=tuple({0, 1, 2} - {_AXES[name]}))
            return found
        counts = self.further[name]
        chosen = [counts[r] for r in (counts if reasons is None else reasons) if r in counts]
        return sum(chosen, np.zeros(len(ATTRIBUTES[name].labels), np.int64))


def figures(dataset: Dataset) -> Figures:
    """The dataset's figures at its present revision."""
    key = ":".join([_CACHE, str(dataset.pk), str(dataset.revision), *ATTRIBUTES])
    found: Figures | None = cache.get(key)
    if found is None:
        found = _compute(dataset)
        cache.set(key, found, _CACHED_FOR)
    return found


def _compute(dataset: Dataset) -> Figures:
    return Figures(
        cubes=_cubes(dataset),
        further={
            one.name: _labels_by_reason(dataset, one) for one in labelled() if one.name not in _AXES
        },
        reasons=dict(_counts(dataset, "reason")),
        histograms=_histograms(dataset),
        resolutions=_resolutions(dataset),
        copies=identical_files(dataset),
        label_noise=label_noise(dataset),
        senders={sender: n for sender, n in _counts(dataset, "sender") if sender},
    )


def _cubes(dataset: Dataset) -> dict[str, Counts]:
    cubes: defaultdict[str, Counts] = defaultdict(lambda: np.zeros(SHAPE, np.int64))
    rows = (
        dataset.samples.filter(HAS_LABELS)
        .values_list("reason", "race", "gender", "age")
        .annotate(n=Count("pk"))
        .order_by()
    )
    for reason, race, gender, age, n in rows:
        cubes[reason][race, gender, age] += n
    return dict(cubes)


def _labels_by_reason(dataset: Dataset, attribute: Attribute) -> dict[str, Counts]:
    found: defaultdict[str, Counts] = defaultdict(lambda: np.zeros(len(attribute.labels), np.int64))
    rows = (
        dataset.samples.filter(HAS_LABELS)
        .annotate(label=label_value(attribute.name))
        .filter(label__isnull=False)
        .values_list("reason", "label")
        .annotate(n=Count("pk"))
        .order_by()
    )
    for reason, label, n in rows:
        if attribute.holds(label):  # it may have been declared otherwise once
            found[reason][label] += n
    return dict(found)


def _counts(dataset: Dataset, field: str) -> list[tuple[Any, int]]:
    rows = dataset.samples.values_list(field).annotate(n=Count("pk")).order_by()
    return [(value, n) for value, n in rows]


def _histograms(dataset: Dataset) -> dict[str, list[int]]:
    """Counts per bin by field; what lies beyond the edges counts in the first or the last bin."""
    rows = dataset.samples.exclude(width=None).values_list(*_EDGES).order_by()
    values = np.fromiter(rows.iterator(10_000), np.dtype((np.float64, len(_EDGES))))
    return {
        field: np.histogram(column.clip(edges[0], edges[-1]), edges)[0].tolist()
        for (field, edges), column in zip(_EDGES.items(), values.T, strict=True)
    }


def histogram_edges(field: str) -> list[float]:
    """The bins of a histogram: one edge more than there are counts."""
    edges: list[float] = _EDGES[field].round(2).tolist()
    return edges


def _resolutions(dataset: Dataset) -> dict[str, int]:
    rows = (
        dataset.samples.exclude(width=None)
        .values_list("width", "height")
        .annotate(n=Count("pk"))
        .order_by("-n")
    )
    return {f"{width} × {height}": n for width, height, n in rows[:20]}


def by_decade(ages: Counts) -> Counts:
    """Counts (…, ages) as (…, decades), the decades of `AGE_BINS`."""
    edges = [age for age in range(OLDEST_AGE + 1) if age == 0 or age_bin(age) != age_bin(age - 1)]
    summed: Counts = np.add.reduceat(ages, edges, axis=-1)
    return summed


def curated_cube(curation: Curation) -> dict[str, Counts]:
    """A curation's counts by split: each (races, genders, ages)."""
    cubes = {split: np.zeros(SHAPE, np.int64) for split in ("train", "validation", "test")}
    for split, race, gender, age, count in curation.cells:
        cubes[split][race, gender, age] += count
    return cubes


def split_sizes(curations: Mapping[str, Curation]) -> dict[str, dict[str, int]]:
    """Policy → how many images train, validate and test; all policies share the test images."""
    sizes = {
        policy: {split: int(cube.sum()) for split, cube in curated_cube(chosen).items()}
        for policy, chosen in curations.items()
    }
    exam = sizes[EXAM.name]["test"]
    return {policy: {**found, "test": exam} for policy, found in sizes.items()}


def untested_cells(full: Curation) -> list[dict[str, Any]]:
    """The cells of race × gender × decade with images of which none tests, the fullest first.

    No image is moved to fill them: it may have been learnt from.
    """
    cubes = {split: by_decade(cube) for split, cube in curated_cube(full).items()}
    there = cubes["train"] + cubes["validation"]
    cells = [
        {
            "race": RACE.labels[race],
            "gender": GENDER.labels[gender],
            "age": AGE_BINS[decade],
            "n": int(n),
        }
        for (race, gender, decade), n in np.ndenumerate(there)
        if n and not cubes["test"][race, gender, decade]
    ]
    return sorted(cells, key=lambda cell: -cell["n"])


def small_cells(counts: Counts) -> list[dict[str, Any]]:
    """The cells of race × gender × decade with fewer than `SMALL_CELL` images, smallest first."""
    cells = [
        {
            "race": RACE.labels[race],
            "gender": GENDER.labels[gender],
            "age": AGE_BINS[decade],
            "n": int(n),
        }
        for (race, gender, decade), n in np.ndenumerate(by_decade(counts))
        if n < SMALL_CELL
    ]
    return sorted(cells, key=lambda cell: cell["n"])


def summary(dataset: Dataset) -> dict[str, Any]:
    """Everything the charts show, for programs.

    `funnel` is that of the classic policy, `funnels` holds every policy's. `counts` are of all
    files with usable labels, as they came.
    """
    found = figures(dataset)
    known = curations.current(dataset)
    return {
        "dataset": dataset.name,
        "revision": dataset.revision,
        "funnel": known["classic"].funnel,
        "deck_funnel": DECK_FUNNEL,
        "funnels": {name: chosen.funnel for name, chosen in known.items()},
        "fingerprints": {name: chosen.fingerprint for name, chosen in known.items()},
        "splits": split_sizes(known),
        "counts": counts_of(found),
        "used": counts_of(found, [""]),
        "reasons": {reason or "used": n for reason, n in sorted(found.reasons.items())},
        "copies": found.copies | {"not_compared": copies.waiting(dataset)},
        "label_noise": found.label_noise,
        "corrections": corrections_of(found, known),
        "small_cells": small_cells(found.used),
        "untested_cells": untested_cells(known[EXAM.name]),
        "images": {
            **{
                field: {"edges": histogram_edges(field), "counts": counts}
                for field, counts in found.histograms.items()
            },
            "resolutions": found.resolutions,
        },
    }


def corrections_of(figures: Figures, known: Mapping[str, Curation]) -> dict[str, Any]:
    """How many files are corrections and how many senders gave them, and what each policy learns
    from: how many, of how many senders, and the most of one."""
    return {
        "files": sum(figures.senders.values()),
        "senders": len(figures.senders),
        "learnt": {
            policy: {
                "images": sum(chosen.corrections.values()),
                "senders": len(chosen.corrections),
                "most_of_one": max(chosen.corrections.values(), default=0),
            }
            for policy, chosen in known.items()
        },
    }


def counts_of(figures: Figures, reasons: Iterable[str] | None = None) -> dict[str, dict[str, int]]:
    """How many labelled samples, with `reasons` only those with one of them, there are of each
    label of every attribute and of each decade."""
    cube = figures.labelled if reasons is None else figures.with_reasons(reasons)
    return {
        **{
            one.name: dict(
                zip(one.labels, map(int, figures.labels_of(one.name, reasons)), strict=True)
            )
            for one in grouping()
        },
        "decade": dict(zip(AGE_BINS, map(int, by_decade(cube.sum(axis=(0, 1)))), strict=True)),
    }
