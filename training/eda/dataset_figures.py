"""What a dataset holds, in numbers: one cube from the database, and everything summed from it.

The cube is cached by the dataset's revision, so a page asks the database once per change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Max, Min
from numpy.typing import NDArray

from training.datasets import copies, curations
from training.models import Curation, Dataset
from vision.attributes import AGE_BINS, GENDER, OLDEST_AGE, RACE, age_bin
from vision.data.selection import EXAM

Counts = NDArray[np.int64]
SHAPE = (len(RACE.labels), len(GENDER.labels), OLDEST_AGE + 1)

# The student deck's funnel, step by step as in `Curation.funnel` of the classic policy.
DECK_FUNNEL: dict[str, int] = {
    "files": 23_708,
    "consistent": 23_519,
    "races": 17_907,
    "balanced": 10_275,
}
# A cell of race × gender × decade below this is too small to learn from or to judge by.
SMALL_CELL = 50
_CACHE = "eda-3"  # another one for another shape of `Figures`
_CACHED_FOR = 30 * 24 * 3600
# The edges of the bins. Sharpness spans four orders of magnitude, so its bins grow.
_EDGES: dict[str, NDArray[np.float64]] = {
    "brightness": np.linspace(0, 255, 52),
    "sharpness": np.geomspace(1, 10_000, 49),
}


@dataclass(frozen=True)
class Figures:
    """`cubes`: counts of labelled samples by reason ("" for those used), each int64 (races,
    genders, ages). `reasons`: samples by reason, labelled or not. `senders`: corrections by who
    gave them."""

    cubes: dict[str, Counts]
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


def figures(dataset: Dataset) -> Figures:
    """The dataset's figures at its present revision."""
    key = f"{_CACHE}:{dataset.pk}:{dataset.revision}"
    found: Figures | None = cache.get(key)
    if found is None:
        found = _compute(dataset)
        cache.set(key, found, _CACHED_FOR)
    return found


def _compute(dataset: Dataset) -> Figures:
    return Figures(
        cubes=_cubes(dataset),
        reasons=dict(_counts(dataset, "reason")),
        histograms=_histograms(dataset),
        resolutions=_resolutions(dataset),
        copies=_copies(dataset),
        label_noise=label_noise(dataset),
        senders={sender: n for sender, n in _counts(dataset, "sender") if sender},
    )


def _cubes(dataset: Dataset) -> dict[str, Counts]:
    cubes: defaultdict[str, Counts] = defaultdict(lambda: np.zeros(SHAPE, np.int64))
    rows = (
        dataset.samples.filter(race__isnull=False, gender__isnull=False, age__isnull=False)
        .values_list("reason", "race", "gender", "age")
        .annotate(n=Count("pk"))
        .order_by()
    )
    for reason, race, gender, age, n in rows:
        cubes[reason][race, gender, age] += n
    return dict(cubes)


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


def _copies(dataset: Dataset) -> dict[str, int]:
    """Groups of identical files, and how many of those groups carry different labels."""
    groups = (
        dataset.samples.exclude(digest="")
        .exclude(race=None)
        .values("digest")
        # Cheaper than counting distinct values, by far.
        .annotate(
            n=Count("pk"),
            ages=Max("age") - Min("age"),
            classes=Max("gender") - Min("gender") + Max("race") - Min("race"),
        )
        .filter(n__gt=1)
        .values_list("n", "ages", "classes")
        .order_by()
    )
    rows = list(groups)
    return {
        "identical_groups": len(rows),
        "identical_files": sum(n for n, _, _ in rows),
        "conflicting_groups": sum(ages + classes > 0 for _, ages, classes in rows),
        "conflicting_class_groups": sum(classes > 0 for _, _, classes in rows),
    }


def label_noise(dataset: Dataset) -> dict[str, Any]:
    """How much labels of one picture differ: the floor of every figure measured with them.

    `pairs` of labelled near copies (of identical files the first by path counts), the mean
    difference of their ages in years, and the shares of pairs whose genders and races differ; None
    without pairs.
    """
    # Corrections measure nothing that versions are examined on.
    labelled = dataset.samples.filter(sender="").exclude(digest="").exclude(age=None)
    labelled = labelled.exclude(race=None)
    several = labelled.values("group").annotate(n=Count("digest", distinct=True)).filter(n__gt=1)
    rows = labelled.filter(group__in=several.values("group")).order_by("-name")
    labels: defaultdict[int, dict[str, tuple[int | None, ...]]] = defaultdict(dict)
    for group, digest, *its in rows.values_list("group", "digest", "age", "gender", "race"):
        labels[group][digest] = tuple(its)
    pairs = [pair for contents in labels.values() for pair in combinations(contents.values(), 2)]
    if not pairs:
        return {"pairs": 0, "age_difference": None, "gender_differs": None, "race_differs": None}
    first, second = np.array(pairs).transpose(1, 2, 0)
    ages, genders, races = np.abs(first - second)
    return {
        "pairs": len(pairs),
        "age_difference": round(float(ages.mean()), 2),
        "gender_differs": round(float((genders > 0).mean()), 4),
        "race_differs": round(float((races > 0).mean()), 4),
    }


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
        "counts": counts_of(found.labelled),
        "used": counts_of(found.used),
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


def counts_of(cube: Counts) -> dict[str, dict[str, int]]:
    """Counts (races, genders, ages) by each of the three labels."""
    return {
        "race": dict(zip(RACE.labels, map(int, cube.sum(axis=(1, 2))), strict=True)),
        "gender": dict(zip(GENDER.labels, map(int, cube.sum(axis=(0, 2))), strict=True)),
        "decade": dict(zip(AGE_BINS, map(int, by_decade(cube.sum(axis=(0, 1)))), strict=True)),
    }
