"""How many people of which kind a batch shows, with how far that may be off.

A model errs, and how often is known of its test images. So of each label it is told how many
faces were estimated to have it, and between what numbers the true one lies with 95%, where the
model errs here as often as it does there.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from predictions.models import Face, Status
from training.models import ModelVersion
from vision.attributes import AGE, ATTRIBUTES

from .contents import predictions_of
from .models import Batch

_CHAINS, _STEPS = 1000, 60
_PRIOR = 0.5  # Jeffreys' of a multinomial
_LOW, _HIGH = 2.5, 97.5  # percentiles
_SEED = 0

AGE_GROUPS = ("0-19", "20-39", "40-59", "60+")
"""What ages are told by: decades are narrower than estimates are exact."""

Table = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class LabelTotal:
    """How many faces were estimated to have a label, and the ends of the interval that holds the
    true number with 95%; None where how often the model errs is not known."""

    label: str
    count: int
    low: int | None
    high: int | None

    @property
    def has_range(self) -> bool:
        """Whether the interval says more than the count does."""
        return self.low is not None and self.low != self.high

    @property
    def is_too_high(self) -> bool:
        """Whether fewer faces truly have the label than were estimated to, as good as surely: the
        model takes more others for it than it overlooks."""
        return self.high is not None and self.count > self.high

    @property
    def is_too_low(self) -> bool:
        """The reverse."""
        return self.low is not None and self.count < self.low


@dataclass(frozen=True)
class AttributeTotals:
    """The totals of an attribute; those of ages are by groups of twenty years.

    `faces`: of how many faces it was estimated. `unknown`: of how many it was not, since the photo
    cannot tell. `versions`: what estimated it, and on how many images it is known how often each
    errs; None where it is not.
    """

    attribute: str
    faces: int
    unknown: int
    labels: tuple[LabelTotal, ...]
    versions: dict[str, int | None]


def totals_of(batch: Batch) -> list[AttributeTotals]:
    """The totals of a batch, of every attribute whose head is switched on."""
    done = predictions_of(batch).filter(status=Status.DONE).order_by()
    faces = Face.objects.filter(prediction__in=done.values("pk")).order_by()
    rows = list(faces.values_list("prediction__model_version", "estimates"))
    versions = ModelVersion.objects.in_bulk({version for version, _ in rows if version})
    return [_totals(name, rows, versions) for name in settings.HEADS if name in ATTRIBUTES]


def _totals(
    name: str, rows: Sequence[tuple[int | None, dict[str, Any]]], versions: dict[int, ModelVersion]
) -> AttributeTotals:
    labels = AGE_GROUPS if name == AGE.name else ATTRIBUTES[name].labels
    counts: dict[int | None, Counter[str]] = {}
    for version, estimates in rows:
        if estimate := estimates.get(name):
            counts.setdefault(version, Counter())[_label(name, estimate)] += 1
    errors = {pk: _errors(versions.get(pk or 0), name, len(labels)) for pk in counts}
    drawn = [
        true_counts(tuple(found[label] for label in labels), errors[pk])
        for pk, found in counts.items()
        if errors[pk]
    ]
    known = bool(drawn) and all(errors.values())
    ends = np.percentile(sum(drawn), [_LOW, _HIGH], axis=0) if known else None
    sums = sum(counts.values(), Counter())
    return AttributeTotals(
        attribute=name,
        faces=sums.total(),
        unknown=len(rows) - sums.total(),
        labels=tuple(
            LabelTotal(label, sums[label], *(_whole(ends, index) if known else (None, None)))
            for index, label in enumerate(labels)
        ),
        versions={
            versions[pk].name: sum(map(sum, table)) if (table := errors[pk]) else None
            for pk in counts
            if pk in versions
        },
    )


def _whole(ends: Any, index: int) -> tuple[int, int]:
    return int(np.floor(ends[0, index])), int(np.ceil(ends[1, index]))


def _label(name: str, estimate: dict[str, Any]) -> str:
    if name != AGE.name:
        return str(estimate["label"])
    return AGE_GROUPS[_group(int(estimate["years"]) // 10)]


def _group(decade: int) -> int:
    return min(len(AGE_GROUPS) - 1, max(0, decade) // 2)


def _errors(version: ModelVersion | None, name: str, size: int) -> Table:
    """How often a version gave which label to test images of which: a row for each true label, a
    column for each estimated one. Empty where that is not known."""
    report = version.report if version else {}
    if name == AGE.name:
        return _by_group((report.get("age") or {}).get("counts") or ())
    counts = (report.get("confusion", {}).get(name) or {}).get("counts") or ()
    return tuple(map(tuple, counts)) if len(counts) == size else ()


def _by_group(decades: Sequence[Sequence[int]]) -> Table:
    """Counts by decade as those by age group."""
    if not decades:
        return ()
    size = len(AGE_GROUPS)
    sums = [[0] * size for _ in range(size)]
    for true, row in enumerate(decades):
        for estimated, count in enumerate(row):
            sums[_group(true)][_group(estimated)] += count
    return tuple(map(tuple, sums))


@lru_cache(maxsize=256)
def true_counts(estimated: tuple[int, ...], errors: Table) -> NDArray[np.int64]:
    """Draws of how many faces truly have each label, given how many were estimated to.

    `estimated`: by label, as many as K. `errors`: K x K counts of test images, by true (rows) and
    estimated label. Gives N x K draws, each row of which has the sum of `estimated`.

    The model is that of T. Swartz et al., "Bayesian identifiability and misclassification in
    multinomial data", Canadian Journal of Statistics 32 (2004): a face is given label j with
    probability sum over i of p_i * m_ij, where p_i is the share of faces that truly are i, and m_ij
    how often those are given j. The rates m_i have the Dirichlet distribution that the counts of
    the test images lead to from Jeffreys' prior, p has Jeffreys' prior. Gibbs sampling draws, in
    turn, which of the faces that were given j truly are i (multinomial, with weights p_i * m_ij)
    and then p (Dirichlet, of those numbers), in chains side by side with rates of their own; of
    each the last state is taken. The shares of the test images play no part: a batch has its own.
    """
    random = np.random.default_rng(_SEED)
    table = np.asarray(errors, float)
    size = len(estimated)
    rates = np.stack([_dirichlet(random, row, _CHAINS) for row in table], axis=1)
    shares = np.full((_CHAINS, size), 1 / size)
    given = np.asarray(estimated)
    true = np.zeros((_CHAINS, size, size), np.int64)
    for _ in range(_STEPS):
        weights = shares[:, :, None] * rates
        weights /= weights.sum(axis=1, keepdims=True)
        for j in range(size):
            true[:, :, j] = random.multinomial(given[j], weights[:, :, j])
        shares = random.standard_gamma(true.sum(axis=2) + _PRIOR)
        shares /= shares.sum(axis=1, keepdims=True)
    drawn: NDArray[np.int64] = true.sum(axis=2)
    return drawn


def _dirichlet(
    random: np.random.Generator, counts: NDArray[np.float64], draws: int
) -> NDArray[np.float64]:
    return random.dirichlet(counts + _PRIOR, draws)
