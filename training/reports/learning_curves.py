"""How a training goes, epoch by epoch, as charts."""

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from training.attribute_names import title
from training.charts import Axes, Chart, lines
from training.digits import three_digits
from vision.attributes import ATTRIBUTES

History = Mapping[str, Sequence[Mapping[str, Mapping[str, float]]]]
"""Phase → epochs → head → figures, as `TrainingRun.history` holds them."""

_DIGITS = 4


def epochs_of(history: History) -> int:
    """How many epochs there are, of all phases together."""
    return sum(map(len, history.values()))


def learning_curves(history: History) -> list[Chart]:
    """Two charts for each head that has an epoch: its losses, and its error or accuracy.

    The epochs of the phases that train a head are counted on; a dotted line stands between two.
    """
    return [chart for head in _heads(history) for chart in _charts(history, head)]


def _heads(history: History) -> list[str]:
    """Every head there is, in the order of the training."""
    found = (head for epochs in history.values() for metrics in epochs for head in metrics)
    return list(dict.fromkeys(found))


def _charts(history: History, head: str) -> Iterable[Chart]:
    phases = [[m[head] for m in epochs if head in m] for epochs in history.values()]
    phases = [epochs for epochs in phases if epochs]
    figures = [one for epochs in phases for one in epochs]
    ends = [sum(map(len, phases[: n + 1])) for n in range(len(phases) - 1)]
    losses = {_("in training"): "loss", _("on validation"): "validation_loss"}
    yield _chart(f"{head}-loss", _title(head, _("loss")), figures, losses, ends)
    if "validation_mae" in figures[0]:
        error = {_("on validation"): "validation_mae"}
        yield _chart(f"{head}-error", _title(head, _("error in years")), figures, error, ends)
    else:
        share = {_("on validation"): "validation_accuracy"}
        yield _chart(
            f"{head}-accuracy", _title(head, _("accuracy")), figures, share, ends, percent=True
        )


def _chart(
    key: str,
    title: str,
    figures: Sequence[Mapping[str, float]],
    series: Mapping[str, str],
    ends: Sequence[int],
    *,
    percent: bool = False,
) -> Chart:
    values = {
        name: [_rounded(one.get(figure)) for one in figures] for name, figure in series.items()
    }
    measure = list(series.values())[-1]
    return lines(
        key,
        title,
        _best(figures, measure),
        range(1, len(figures) + 1),
        values,
        axes=Axes(x=_("Epoch")),
        percent=percent,
        breaks=[end + 0.5 for end in ends],
    )


def _best(figures: Sequence[Mapping[str, float]], measure: str) -> str:
    """Which epoch did best, and its figure."""
    pick = max if measure == "validation_accuracy" else min
    values = [one[measure] for one in figures]
    best = pick(range(len(values)), key=values.__getitem__)
    value = values[best]
    shown = f"{100 * value:.1f}%" if measure == "validation_accuracy" else three_digits(value)
    return _("Best on validation: %(value)s, in epoch %(epoch)d of %(epochs)d.") % {
        "value": shown,
        "epoch": best + 1,
        "epochs": len(values),
    }


def _title(head: str, figure: str) -> str:
    return f"{title(head) if head in ATTRIBUTES else head}: {figure}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
