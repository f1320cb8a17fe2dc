"""The charts of a version's report, in the order an administrator reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from training.attribute_names import label_title, labelled_in_words, title
from training.charts import Axes, Chart, Section, bars, heat_map, lines, scatter
from training.digits import three_digits
from training.registry.figures import group_name, marginal_groups
from vision.attributes import AGE_BINS, ATTRIBUTES, GENDER, RACE, labelled
from vision.evaluation.fairness import ENOUGH

Report = Mapping[str, Any]

_PLACES = {"age_mae": ".1f", "age_bias": "+z.1f"}  # the others are shares


def sections(report: Report) -> list[Section]:
    """Every chart that the report has figures for; none where it is empty."""
    found = [
        Section(_("Age"), _age_charts(report)),
        Section(capfirst(labelled_in_words(_("and"))), _class_charts(report)),
        Section(_("Performance by group"), _group_charts(report)),
    ]
    return [section for section in found if section.charts]


def _age_charts(report: Report) -> list[Chart]:
    charts = []
    if ages := report.get("age"):
        charts += [
            _points(ages["points"]),
            _decades(ages["counts"]),
            _errors_by_decade(ages["by_decade"]),
            _errors_by_race_and_gender(report["metrics"]["groups"]),
        ]
    if interval := report.get("interval"):
        charts.append(_interval(interval))
        if "by_estimated_decade" in interval:  # reports of before tell labelled ones alone
            charts.append(_interval_by_estimate(interval))
    return charts


def _points(points: Sequence[tuple[float, float]]) -> Chart:
    return scatter(
        "age-points",
        _("Estimated against labelled age"),
        _("%(count)d images drawn at random; on the dotted line the two agree.")
        % {"count": len(points)},
        points,
        axes=Axes(x=_("Labelled age in years"), y=_("Estimated age in years")),
    )


def _decades(counts: Sequence[Sequence[int]]) -> Chart:
    return heat_map(
        "age-decades",
        _("Estimated against labelled decade"),
        _("How many images of each labelled decade were estimated to be in which."),
        x=AGE_BINS,
        y=AGE_BINS,
        values=_shares_of_rows(counts),
        notes=[[str(count or "") for count in row] for row in counts],
        axes=Axes(x=_("Estimated age in years"), y=_("Labelled age in years")),
    )


def _errors_by_decade(decades: Sequence[Mapping[str, Any]]) -> Chart:
    return _errors(
        "age-errors",
        _("Age error by labelled decade"),
        decades,
        ("mae", "bias"),
        axes=Axes(x=_("Labelled age in years"), y=_("Years")),
    )


def _errors_by_race_and_gender(groups: Sequence[Mapping[str, Any]]) -> Chart:
    figures = ("age_mae", "age_bias")
    found = [group for group in marginal_groups(groups, figures) if "age" not in group]
    return _errors(
        "age-errors-groups",
        _("Age error by race and by gender"),
        found,
        figures,
        axes=Axes(x=_("Group"), y=_("Years")),
    )


def _errors(
    key: str,
    title: str,
    groups: Sequence[Mapping[str, Any]],
    figures: tuple[str, str],
    *,
    axes: Axes,
) -> Chart:
    """Mean absolute error and bias, under those names in `groups`, side by side."""
    mae, bias = ([_rounded(group[figure]) for group in groups] for figure in figures)
    return bars(
        key,
        title,
        _(
            "Bias is the mean of estimated minus labelled: above zero, people are estimated as "
            "older than they are labelled."
        ),
        [group_name(group) for group in groups],
        {_("Mean absolute error"): mae, _("Bias"): bias},
        axes=axes,
    ).with_columns({_("Images"): [group["n"] for group in groups]})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _interval(interval: Mapping[str, Any]) -> Chart:
    return _held(
        "interval",
        _("Coverage of the age interval"),
        _(
            "It should hold %(promised).0f%% of the labelled ages and holds %(held).1f%%; on "
            "average it is %(width).1f years wide."
        )
        % {
            "promised": 100 * interval["promised"],
            "held": 100 * interval["coverage"],
            "width": interval["mean_width"],
        },
        interval["by_decade"],
        interval["promised"],
        ages=_("Labelled age in years"),
    )


def _interval_by_estimate(interval: Mapping[str, Any]) -> Chart:
    return _held(
        "interval-estimated",
        _("Coverage of the age interval, by estimated age"),
        _(
            "Whatever the estimated age, the interval should hold its target share of labelled "
            "ages; it is measured separately for the estimates of each decade."
        ),
        interval["by_estimated_decade"],
        interval["promised"],
        ages=_("Estimated age in years"),
    )


def _held(
    key: str,
    title: str,
    sentence: str,
    decades: Sequence[Mapping[str, Any]],
    promised: float,
    *,
    ages: str,
) -> Chart:
    chart = lines(
        key,
        title,
        sentence,
        [decade["age"] for decade in decades],
        {
            _("Measured"): [decade["coverage"] for decade in decades],
            _("Target"): [promised] * len(decades),
        },
        axes=Axes(x=ages, y=_("Share of images")),
        percent=True,
        from_zero=True,
    )
    return chart.with_columns(
        {
            _("Mean width in years"): [decade["mean_width"] for decade in decades],
            _("Images"): [decade["n"] for decade in decades],
        }
    )


def _class_charts(report: Report) -> list[Chart]:
    confusion, reliability = report.get("confusion", {}), report.get("reliability", {})
    names = [one.name for one in labelled()]
    titles = {
        name: _("%(attribute)s, labelled against estimated") % {"attribute": title(name)}
        for name in names
    } | {"race3": _("Race, labelled against estimated, three labels")}
    trust = _("How far probabilities can be trusted: %(attribute)s")
    return [
        *(
            _confusion(key, name, confusion[key])
            for key, name in titles.items()
            if confusion.get(key)
        ),
        *(
            _reliability(name, trust % {"attribute": title(name)}, reliability[name])
            for name in names
            if reliability.get(name)
        ),
    ]


def _confusion(key: str, title: str, confusion: Mapping[str, Any]) -> Chart:
    attribute = key if key in ATTRIBUTES else RACE.name
    names = [label_title(attribute, label) for label in confusion["labels"]]
    counts = confusion["counts"]
    shares = _shares_of_rows(counts)
    return heat_map(
        f"confusion-{key}",
        title,
        _("How many images of each label were estimated as which; shares are by row."),
        x=names,
        y=names,
        values=shares,
        notes=[
            [f"{count} ({share:.0%})" for count, share in zip(*row, strict=True)]
            for row in zip(counts, shares, strict=True)
        ],
        axes=Axes(x=_("Estimated"), y=_("Labelled")),
    )


def _reliability(key: str, title: str, reliability: Mapping[str, Any]) -> Chart:
    used = [one for one in reliability["bins"] if one["n"]]
    return lines(
        f"reliability-{key}",
        title,
        _(
            "On the dotted line the model is right as often as it says. Expected calibration "
            "error: %(error)s."
        )
        % {"error": three_digits(reliability["expected_calibration_error"])},
        [one["confidence"] for one in used],
        {_("Accuracy"): [one["accuracy"] for one in used]},
        axes=Axes(x=_("Probability of the estimate"), y=_("Share of right estimates")),
        diagonal=True,
    ).with_columns({_("Images"): [one["n"] for one in used]})


def _group_charts(report: Report) -> list[Chart]:
    titles = {
        "age_mae": _("Age error by group, in years"),
        "age_bias": _("Age bias by group, in years"),
        **{
            f"{one.name}_accuracy": _("%(attribute)s accuracy by group")
            % {"attribute": title(one.name)}
            for one in labelled()
        },
        "race_accuracy": _("Race accuracy by group, five labels"),
    }
    groups = report.get("metrics", {}).get("groups", [])
    return [
        _by_group(figure, title, groups)
        for figure, title in titles.items()
        if any(group.get(figure) is not None for group in groups)
    ]


def _by_group(figure: str, title: str, groups: Sequence[Mapping[str, Any]]) -> Chart:
    """Race and gender against decade; the count of each cell stands in brackets."""
    cells = {(group["race"], group["gender"], group["age"]): group for group in groups}
    rows = [(race, gender) for race in RACE.labels for gender in GENDER.labels]
    found = [[cells.get((*row, age)) for age in AGE_BINS] for row in rows]
    return heat_map(
        f"groups-{figure.replace('_', '-')}",
        title,
        _(
            "The number of images is in brackets. The stronger the colour, the larger the figure; "
            "groups with fewer than %(least)d images are grey, because their figures are mostly "
            "chance."
        )
        % {"least": ENOUGH},
        x=AGE_BINS,
        y=[group_name({"race": race, "gender": gender}) for race, gender in rows],
        values=[[_size(figure, cell) for cell in row] for row in found],
        notes=[[_cell_text(figure, cell) for cell in row] for row in found],
        axes=Axes(x=_("Labelled age in years"), y=_("Group")),
        wide=True,
    )


def _size(figure: str, group: Mapping[str, Any] | None) -> float | None:
    """What a cell is coloured by; of a bias how far it is from none, either way."""
    if group is None or group["n"] < ENOUGH or group.get(figure) is None:
        return None
    return abs(float(group[figure]))


def _cell_text(figure: str, group: Mapping[str, Any] | None) -> str:
    if group is None or group.get(figure) is None:
        return ""
    return f"{format(group[figure], _PLACES.get(figure, '.0%'))} ({group['n']})"


def _shares_of_rows(counts: Sequence[Sequence[int]]) -> list[list[float]]:
    return [[count / max(1, sum(row)) for count in row] for row in counts]
