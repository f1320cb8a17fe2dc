"""The figures of model versions in words: their names, whose they are, what they amount to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import name_in_words, title
from training.digits import three_digits
from training.messages import headline_figures, in_words, named_figure, named_group
from training.models import ModelVersion
from vision.attributes import RACE, SHIPPED, labelled

# The student deck FaceRoute grew from, measured on a test split of its own: the numbers to beat.
DECK_METRICS: dict[str, float] = {
    "age_mae": 6.241,
    "age_mse": 72.025,
    "age_rmse": 8.487,
    "gender_accuracy": 0.917,
    "race3_accuracy": 0.934,
}


def metric_names() -> dict[str, str]:
    """The headline figures in the order in which they are read."""
    return {name: in_words(named_figure(name)) for name in headline_figures()}


def short_metric_names() -> dict[str, str]:
    """Those for a column of a list, in the same order."""
    return {
        "age_mae": _("Age MAE"),
        "age_bias": _("Age bias"),
        **{f"{one.name}_accuracy": title(one.name) for one in labelled() if one != RACE},
        "race3_accuracy": _("Race (3)"),
        "race_accuracy": _("Race (5)"),
    }


def metrics_of(version: ModelVersion) -> Mapping[str, Any]:
    """The version's figures on images held back from it: of its report, or else its manifest."""
    measured: Mapping[str, Any] = version.report.get("metrics") or version.metrics
    return measured


@dataclass(frozen=True)
class Comparison:
    """A table of figures: a row each, with its name first and then a text under every column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def lines(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Each row's name and its texts, each with the name of its column, which a narrow screen
        shows beside it."""
        return [
            (name, list(zip(self.columns[1:], texts, strict=True))) for name, *texts in self.rows
        ]


def comparison(version: ModelVersion, serving: ModelVersion | None) -> Comparison:
    """A version's figures beside those of the version that serves and of the deck."""
    protocols = version.report.get("protocols", {})
    whole = protocols.get("all_ages") or metrics_of(version)
    columns: dict[str, Mapping[str, Any]] = {version.name: whole}
    if serving and serving.pk != version.pk:
        columns[_("In use: %(name)s") % {"name": serving.name}] = metrics_of(serving)
    columns[_("Baseline")] = DECK_METRICS
    if intervals := whole.get("intervals"):
        columns[_("Likely range (95%)")] = intervals
    if young := protocols.get("ages_21_60") or version.metrics.get("ages_21_60"):
        columns[_("Ages 21 to 60")] = young
    names = metric_names() | {
        "age_within_5": _("Age, share within five years"),
        "age_interval_coverage": _("Age, share inside the interval"),
    }
    rows = tuple(
        (name, *(figure_text(figures, metric) for figures in columns.values()))
        for metric, name in names.items()
        if any(figures.get(metric) is not None for figures in columns.values())
    )
    return Comparison((_("Figure"), *columns), rows)


def tested_elsewhere(version: ModelVersion, serving: ModelVersion | None) -> str:
    """That the serving version's figures beside a version's are of other images; empty where they
    are of the same."""
    if serving is None or _have_one_test(version, serving):
        return ""
    words = _(
        "“%(name)s” was tested on other images than this version, so its figures are there for "
        "orientation; the exam compares both on the same images."
    )
    return words % {"name": serving.name}


def test_in_words(version: ModelVersion, serving: ModelVersion | None) -> str:
    """The test that a version's own figures are of, for a column of a list: how many images of
    which dataset, where they are others than the serving version's, and where some races are not
    among them, by which an accuracy over all of them is higher than it would be."""
    metrics = metrics_of(version)
    if not (count := metrics.get("n")):
        return "–"
    data = _tested_on(version)
    name = data.get("dataset") or data.get("name")
    told = [f"{count:,} · {name}" if name else f"{count:,}"]
    if serving and not _have_one_test(version, serving):
        told.append(_("not those of %(name)s") % {"name": serving.name})
    races = {group["race"] for group in metrics.get("groups", ()) if "race" in group}
    if races and len(races) < len(RACE.labels):
        told.append(
            _("%(count)d of %(all)d races") % {"count": len(races), "all": len(RACE.labels)}
        )
    return "; ".join(told)


def _have_one_test(version: ModelVersion, other: ModelVersion) -> bool:
    """Whether two versions are known to have been tested on the same images."""
    tests = [
        (_tested_on(one).get("fingerprint"), metrics_of(one).get("n")) for one in (version, other)
    ]
    return version.pk == other.pk or (tests[0] == tests[1] and bool(tests[0][0]))


def _tested_on(version: ModelVersion) -> Mapping[str, Any]:
    """The facts of the selection that a version's figures are of: that of its training, unless it
    was calibrated anew, and tested, by another."""
    manifest = version.manifest
    facts: Mapping[str, Any] = manifest.get("calibration") or manifest.get("data", {})
    return facts


def figure_text(figures: Mapping[str, Any], name: str) -> str:
    """One of some figures, or its interval, as text; a bias with its sign."""
    return as_text(figures.get(name), signed=name == "age_bias")


def as_text(value: float | Sequence[float] | None, *, signed: bool = False) -> str:
    """A figure, or an interval of it, with three digits; a dash where it is unknown."""
    if value is None:
        return "–"
    if isinstance(value, Sequence):
        return (" … " if signed else "–").join(three_digits(end, signed=signed) for end in value)
    return three_digits(value, signed=signed)


def group_name(group: Mapping[str, Any]) -> str:
    """A group of a report by its labels, as far as it names them: race, gender, age."""
    return ", ".join(one if isinstance(one, str) else in_words(one) for one in named_group(group))


def marginal_groups(
    groups: Sequence[Mapping[str, Any]], figures: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The groups that differ in one label alone, with their `n` and some figures, put together
    from a report's groups by race, gender and age."""
    for label in ("race", "gender", "age"):
        for value in sorted({group[label] for group in groups}):
            members = [group for group in groups if group[label] == value]
            means = {figure: _mean(members, figure) for figure in figures}
            yield {label: value, "n": sum(group["n"] for group in members), **means}


def _mean(groups: Sequence[Mapping[str, Any]], figure: str) -> float | None:
    """A figure of all images of several groups; None where no head, or an older report, speaks to
    it."""
    known = [group for group in groups if group.get(figure) is not None]
    total = sum(group["n"] for group in known)
    return sum(group["n"] * group[figure] for group in known) / total if total else None


def noise_sentences(noise: Mapping[str, Any]) -> Iterator[str]:
    """The label noise of a dataset in words; none where there are no pairs to tell by."""
    if noise.get("pairs"):
        yield ngettext(
            "Labels of one picture differ: in %(pairs)d pair of near copies ages by %(years).1f "
            "years, gender in %(gender).1f%% and race in %(race).1f%%. Figures cannot be better "
            "than labels agree among themselves.",
            "Labels of one picture differ: in %(pairs)d pairs of near copies ages by %(years).1f "
            "years in the mean, gender in %(gender).1f%% and race in %(race).1f%%. Figures "
            "cannot be better than labels agree among themselves.",
            noise["pairs"],
        ) % {
            "pairs": noise["pairs"],
            "years": noise["age_difference"],
            "gender": 100 * noise["gender_differs"],
            "race": 100 * noise["race_differs"],
        }
        further = _("Labels of %(attribute)s differ in %(share).1f%% of them.")
        for one in labelled():
            if one.name not in SHIPPED and (share := noise.get(f"{one.name}_differs")) is not None:
                yield further % {"attribute": name_in_words(one.name), "share": 100 * share}


def test_sentences(manifest: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    """What to know of the images that a version was tested on, as far as there is anything."""
    known = manifest.get("trained_on")
    if known is None:
        yield _(
            "Which images it was trained on cannot be told, so some of them may be among those "
            "that it was tested on."
        )
    elif known["unknown"]:
        yield _(
            "What “%(names)s”, which it goes on from, was trained on cannot be told, so some of "
            "those images may be among the ones that it was tested on."
        ) % {"names": "”, “".join(known["unknown"])}
    yield from _correction_sentences(manifest.get("data", {}).get("corrections", {}))
    if count := report.get("left_out"):
        yield ngettext(
            "%(count)d test image was left out, because the model was trained on it or on a near "
            "copy.",
            "%(count)d test images were left out, because the model was trained on them or on "
            "near copies.",
            count,
        ) % {"count": count}
    yield from noise_sentences(report.get("label_noise", {}))


def _correction_sentences(corrections: Mapping[str, int]) -> Iterator[str]:
    if count := corrections.get("count"):
        yield ngettext(
            "%(count)d of the images that it was trained on was a correction; it was tested on "
            "none.",
            "%(count)d of the images that it was trained on were corrections, from %(senders)d "
            "senders; it was tested on none.",
            count,
        ) % {"count": count, "senders": corrections["senders"]}


def withdrawn_sentences(count: int) -> Iterator[str]:
    """That a version has learnt from corrections that were withdrawn since, if it has."""
    if count:
        yield ngettext(
            "%(count)d correction that it was trained on has been withdrawn since.",
            "%(count)d corrections that it was trained on have been withdrawn since.",
            count,
        ) % {"count": count}


def _between(by: tuple[str, ...]) -> str:
    return _("between labels of %(attribute)s") % {"attribute": ", ".join(map(title, by))}


def gap_sentences(gaps: Sequence[Mapping[str, Any]]) -> list[str]:
    """A report's `gaps` in words, in the order given."""
    known = {
        ("race",): _("between races"),
        ("gender",): _("between genders"),
        ("race", "gender"): _("between groups of race and gender"),
    }
    names = metric_names()
    sentence = _(
        "%(figure)s, %(grouping)s: best for %(best_group)s (%(best)s; %(best_count)d images), "
        "worst for %(worst_group)s (%(worst)s; %(worst_count)d images), a gap of %(gap)s."
    )
    return [
        sentence
        % {
            "figure": names[gap["figure"]],
            "grouping": known.get(by := tuple(gap["by"])) or _between(by),
            "best": as_text(gap["best"]["value"]),
            "best_group": group_name(gap["best"]),
            "best_count": gap["best"]["n"],
            "worst": as_text(gap["worst"]["value"]),
            "worst_group": group_name(gap["worst"]),
            "worst_count": gap["worst"]["n"],
            "gap": as_text(gap["gap"]),
        }
        for gap in gaps
    ]
