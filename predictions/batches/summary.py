"""What the faces of a batch are, all together: bars, and sentences with their honest error."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F
from django.db.models.functions import Floor
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from predictions.models import Face, Status
from predictions.searching import ages_are_searchable
from training.attribute_names import label_title, title
from vision.attributes import AGE, AGE_BINS

from .contents import predictions_of
from .models import Batch
from .totals import AttributeTotals, LabelTotal, totals_of


@dataclass(frozen=True)
class CountBar:
    """How many faces have one label, `percent` of those that have any; `range` is where the true
    number lies, empty where that is not known or is this very number."""

    label: str
    count: int
    percent: int
    range: str = ""


@dataclass(frozen=True)
class CountChart:
    """`sentence` tells of the commonest label, of the faces that nothing is told of, and why the
    range of a label does not hold its number, where that is so."""

    title: str
    bars: Sequence[CountBar]
    sentence: str = ""


def charts_of(batch: Batch) -> list[CountChart]:
    """A chart for each attribute whose head is switched on, and one of ages by decade."""
    charts = [_chart(totals) for totals in totals_of(batch) if totals.faces]
    return [*charts, _decades(batch)] if charts and ages_are_searchable() else charts


def _chart(totals: AttributeTotals) -> CountChart:
    bars = [
        CountBar(
            label=label_title(totals.attribute, one.label).replace("-", "–"),
            count=one.count,
            percent=round(100 * one.count / totals.faces),
            range=f"{one.low}–{one.high}" if one.has_range else "",
        )
        for one in totals.labels
    ]
    return CountChart(title(totals.attribute), bars, _sentence(totals))


def _sentence(totals: AttributeTotals) -> str:
    commonest: LabelTotal = max(totals.labels, key=lambda one: one.count)
    told = {
        "label": _named(totals.attribute, commonest.label),
        "count": commonest.count,
        "faces": totals.faces,
        "low": commonest.low,
        "high": commonest.high,
        "unknown": totals.unknown,
    }
    words = (
        ngettext(
            "%(label)s: %(count)d of %(faces)d face",
            "%(label)s: %(count)d of %(faces)d faces",
            totals.faces,
        )
        % told
    )
    if commonest.has_range:
        words += _("; allowing for the model’s errors, between %(low)d and %(high)d") % told
    if totals.unknown:
        words += _(" (%(unknown)d more could not be estimated)") % told
    # Of two labels, one's errors are the other's.
    labels = totals.labels if len(totals.labels) > 2 else [commonest]
    leans = _leans(
        [_quoted(totals.attribute, one.label) for one in labels if one.is_too_high],
        [_quoted(totals.attribute, one.label) for one in labels if one.is_too_low],
    )
    return f"{words}. {' '.join(leans)}" if leans else words


def _leans(high: Sequence[str], low: Sequence[str]) -> list[str]:
    """Why the true numbers of some labels are not those that were counted, which are too high or
    too low."""
    said = []
    if high:
        words = ngettext(
            "This model takes others for %(labels)s more often than the reverse, so the true "
            "number is probably lower.",
            "This model takes others for %(labels)s more often than the reverse, so the true "
            "numbers are probably lower.",
            len(high),
        )
        said.append(words % {"labels": ", ".join(high)})
    if low:
        words = ngettext(
            "This model takes %(labels)s for others more often than the reverse, so the true "
            "number is probably higher.",
            "This model takes %(labels)s for others more often than the reverse, so the true "
            "numbers are probably higher.",
            len(low),
        )
        said.append(words % {"labels": ", ".join(low)})
    return said


def _quoted(attribute: str, label: str) -> str:
    return f"“{_named(attribute, label)}”"


def _named(attribute: str, label: str) -> str:
    title_of = label_title(attribute, label).replace("-", "–")
    return _("Ages %(years)s") % {"years": title_of} if attribute == AGE.name else title_of


def _decades(batch: Batch) -> CountChart:
    done = predictions_of(batch).order_by().filter(status=Status.DONE)
    known = Face.objects.order_by().filter(prediction__in=done, age_years__isnull=False)
    rows = known.values(decade=Floor(F("age_years") / 10.0)).annotate(count=Count("pk"))
    counts = [0] * len(AGE_BINS)
    for decade, count in rows.values_list("decade", "count"):
        counts[min(max(0, int(decade)), len(counts) - 1)] += count
    total = sum(counts) or 1
    bars = [
        CountBar(label.replace("-", "–"), count, round(100 * count / total))
        for label, count in zip(AGE_BINS, counts, strict=True)
    ]
    return CountChart(_("Age by decade"), bars)
