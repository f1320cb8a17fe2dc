"""Versions side by side on the same images, for the page that asks whether one shall serve."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from training.models import ModelVersion
from training.registry.figures import Comparison, as_text, metric_names
from vision.evaluation.paired import CONFIDENCE, Loss, margin

from . import gate


@dataclass(frozen=True)
class PairedTable:
    """What a version gains or loses against another."""

    title: str
    table: Comparison


def paired_tables(candidate: ModelVersion, serving: ModelVersion | None) -> Iterator[PairedTable]:
    """One against the version that serves, and one against each of `gate.references` that is
    another; none where they cannot be compared."""
    others = {other.pk: other for other in (serving, *gate.references().values()) if other}
    others.pop(candidate.pk, None)
    for other in others.values():
        if losses := gate.losses(candidate, other):
            title = _("Compared with “%(name)s” on the same %(count)d images") % {
                "name": other.name,
                "count": max(loss.n for loss in losses),
            }
            yield PairedTable(title, _table(candidate, other, losses))


def _table(candidate: ModelVersion, other: ModelVersion, losses: list[Loss]) -> Comparison:
    names = metric_names()
    columns = (
        _("Figure"),
        candidate.name,
        other.name,
        _("Worse by"),
        _("Likely range (%(share).0f%%)") % {"share": 100 * (2 * CONFIDENCE - 1)},
        _("Allowed"),
    )
    rows = (
        (
            names[loss.figure],
            as_text(loss.new),
            as_text(loss.old),
            as_text(loss.loss, signed=True),
            as_text([loss.low, loss.high], signed=True),
            as_text(margin(loss.figure)),
        )
        for loss in losses
    )
    return Comparison(columns, tuple(rows))
