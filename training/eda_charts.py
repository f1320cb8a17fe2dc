"""The charts of a dataset, in the order an administrator reads them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from vision.curation import RECIPES
from vision.labels import AGE_BINS

from . import eda
from .charts import Axes, Chart, Section, bars, boxes, heat_map
from .eda import Counts, Figures
from .models import Curation, Dataset, GenderLabel, RaceLabel, ReasonChoice

# The deck's `age_cat`: everybody under twenty is one category, then decades.
_AGE_CATS = ("<20", "20", "30", "40", "50", "60", "70", "80", "90+")


def sections(dataset: Dataset) -> list[Section]:
    """Every chart of the dataset as it is now."""
    figures = eda.figures(dataset)
    classic, full = eda.curation(dataset, "classic"), eda.curation(dataset, "full")
    made = [
        Section(_("From files to examples"), _funnel_charts(figures, classic, full)),
        Section(_("Who is in it"), _label_charts(figures)),
    ]
    if classic and full:
        made.append(Section(_("Balance"), _balance_charts(figures, classic, full)))
    made.append(Section(_("What the images are like"), _image_charts(figures)))
    return made


def _funnel_charts(
    figures: Figures, classic: Curation | None, full: Curation | None
) -> list[Chart]:
    charts = [_reasons(figures)]
    if classic:
        charts.insert(0, _classic_funnel(classic))
    if full:
        charts.append(_full_funnel(full))
    return charts


def step_names() -> dict[str, str]:
    """The steps of `vision.curation`'s funnels, in words."""
    return {
        "files": _("Files"),
        "labelled": _("With usable labels"),
        "readable": _("Readable, with a face"),
        "consistent": _("Without contradictions"),
        "distinct": _("Without copies"),
        "races": _("Of the recipe's races"),
        "balanced": _("Races of one size"),
    }


def _classic_funnel(classic: Curation) -> Chart:
    names = step_names()
    steps = classic.funnel
    ours = [step["count"] for step in steps]
    deck = [eda.DECK_FUNNEL.get(step["step"]) for step in steps]
    chart = bars(
        "funnel",
        _("The classic funnel"),
        _("How many files are left after each step, ours beside the student deck's."),
        [names[step["step"]] for step in steps],
        {_("This dataset"): ours, _("The deck"): deck},
        axes=Axes(x=_("Step"), y=_("Files")),
        wide=True,
    )
    rows = tuple(
        (*row, _taken(step["reasons"])) for row, step in zip(chart.rows, steps, strict=True)
    )
    return Chart(
        chart.key, chart.title, chart.sentence, chart.figure,
        (*chart.columns, _("Set aside in this step")), rows, chart.wide,
    )  # fmt: skip


def _full_funnel(full: Curation) -> Chart:
    names = step_names()
    return bars(
        "full-funnel",
        _("The full funnel"),
        _("What the “full” recipe keeps: everything clean, all five races, no undersampling."),
        [names[step["step"]] for step in full.funnel],
        {_("Files"): [step["count"] for step in full.funnel]},
        axes=Axes(x=_("Step"), y=_("Files")),
    )


def _taken(reasons: dict[str, int]) -> str:
    return "; ".join(f"{_reason_name(reason)}: {count}" for reason, count in reasons.items())


def _reason_name(reason: str) -> str:
    kind, _underscore, label = reason.partition("_")
    if kind in {"race", "surplus"} and label.upper() in RaceLabel.names:
        race = RaceLabel[label.upper()].label
        words = _("race %(race)s") if kind == "race" else _("surplus of %(race)s")
        return words % {"race": race}
    return str(ReasonChoice(reason).label)


def _reasons(figures: Figures) -> Chart:
    aside = {r: n for r, n in figures.reasons.items() if r}
    ordered = sorted(aside, key=lambda reason: -aside[reason])
    return bars(
        "reasons",
        _("Why images are set aside"),
        _("%(groups)d groups of identical files, %(conflicts)d of them with differing labels.")
        % {
            "groups": figures.copies["identical_groups"],
            "conflicts": figures.copies["conflicting_groups"],
        },
        [str(ReasonChoice(reason).label) for reason in ordered],
        {_("Files"): [aside[reason] for reason in ordered]},
        axes=Axes(x=_("Reason"), y=_("Files")),
    )


def _races() -> list[str]:
    return [str(label) for label in RaceLabel.labels]


def _genders() -> list[str]:
    return [str(label) for label in GenderLabel.labels]


def _ints(counts: Counts) -> list[int]:
    values: list[int] = counts.tolist()
    return values


def _label_charts(figures: Figures) -> list[Chart]:
    cube = figures.labelled
    ages = cube.sum(axis=(0, 1))
    last = int(np.flatnonzero(ages).max(initial=0)) + 1
    return [
        bars(
            "ages", _("Ages"), _("How many images there are of each year of age."),
            list(range(last)), {_("Images"): _ints(ages[:last])},
            axes=Axes(x=_("Age in years"), y=_("Images")), wide=True,
        ),
        bars(
            "decades", _("Ages by decade"), _("How many images there are of each decade of age."),
            AGE_BINS, {_("Images"): _ints(eda.by_decade(ages))},
            axes=Axes(x=_("Age in years"), y=_("Images"), x_type="category"),
        ),
        bars(
            "gender", _("Gender"), _("How many images carry each gender label."),
            _genders(), {_("Images"): _ints(cube.sum(axis=(0, 2)))},
            axes=Axes(x=_("Gender label"), y=_("Images")),
        ),
        bars(
            "race", _("Race"), _("How many images carry each race label."),
            _races(), {_("Images"): _ints(cube.sum(axis=(1, 2)))},
            axes=Axes(x=_("Race label"), y=_("Images")),
        ),
        bars(
            "race-gender", _("Race and gender"),
            _("How the two gender labels share each race label."),
            _races(),
            {
                name: _ints(cube[:, gender].sum(axis=-1))
                for gender, name in enumerate(_genders())
            },
            axes=Axes(x=_("Race label"), y=_("Images")), stacked=True,
        ),
        _age_boxes(cube),
    ]  # fmt: skip


def _age_boxes(cube: Counts) -> Chart:
    groups = {
        gender: {
            race: _five_numbers(cube[r, g]) for r, race in enumerate(_races()) if cube[r, g].any()
        }
        for g, gender in enumerate(_genders())
    }
    return boxes(
        "age-by-group",
        _("Age by race and gender"),
        _("The middle half of each group's ages as a box, its middle nine tenths as whiskers."),
        groups,
        axes=Axes(x=_("Race label"), y=_("Age in years")),
    )


def _five_numbers(counts: Counts) -> list[int]:
    """The 5, 25, 50, 75 and 95 % points of ages given as counts per year."""
    cumulative = np.cumsum(counts) / counts.sum()
    return [int(np.searchsorted(cumulative, share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]


def _balance_charts(figures: Figures, classic: Curation, full: Curation) -> list[Chart]:
    after = _whole(classic)
    recipe = RECIPES[classic.recipe]
    before = figures.with_reasons(["", *recipe.tolerated])
    before[len(recipe.races) :] = 0
    highest = max(map(_highest, (before, after)))
    return [
        _age_cats(
            "before", _("age_cat by race, before"),
            _("The three races of the classic recipe before undersampling."), before, highest,
        ),
        _age_cats(
            "after", _("age_cat by race, after"),
            _("The same after undersampling: every race has as many images as the smallest."),
            after, highest,
        ),
        _splits(classic, full),
        _small_cells(figures.used),
        _thrown_away(before, after, _whole(full)),
    ]  # fmt: skip


def _whole(curation: Curation) -> Counts:
    whole: Counts = sum(eda.curated_cube(curation).values())  # type: ignore[assignment]
    return whole


def _age_cat(counts: Counts) -> Counts:
    """Counts (…, ages) as (…, `_AGE_CATS`)."""
    decades = eda.by_decade(counts)
    first = decades[..., :2].sum(axis=-1, keepdims=True)
    return np.concatenate([first, decades[..., 2:]], axis=-1)


def _highest(counts: Counts) -> int:
    return int(_age_cat(counts.sum(axis=1)).max())


def _age_cats(key: str, title: str, sentence: str, counts: Counts, highest: int) -> Chart:
    cats = _age_cat(counts.sum(axis=1))
    chart = bars(
        key,
        title,
        sentence,
        _AGE_CATS,
        {race: _ints(cats[r]) for r, race in enumerate(_races()[:3])},
        axes=Axes(x="age_cat", y=_("Images"), x_type="category"),
    )
    # One scale for both, or the eye compares nothing.
    chart.figure["layout"]["yaxis"]["range"] = [0, highest * 1.05]
    return chart


def _splits(classic: Curation, full: Curation) -> Chart:
    cubes = {"classic": eda.curated_cube(classic), "full": eda.curated_cube(full)}
    names = {"train": _("Training"), "validation": _("Validation"), "test": _("Test")}
    return bars(
        "splits",
        _("Splits"),
        _("How many images train, validate and test in each recipe."),
        list(names.values()),
        {recipe: [int(cube[split].sum()) for split in names] for recipe, cube in cubes.items()},
        axes=Axes(x=_("Split"), y=_("Images")),
    )


def _small_cells(used: Counts) -> Chart:
    decades = eda.by_decade(used)
    groups = [f"{race}, {gender}" for race in _races() for gender in _genders()]
    table = decades.reshape(-1, decades.shape[-1])
    small = int((table < eda.SMALL_CELL).sum())
    # What is missing is what the map is about: an empty cell stands out most.
    missing: list[list[Any]] = np.maximum(eda.SMALL_CELL - table, 0).tolist()
    return heat_map(
        "cells",
        _("Images in every cell"),
        _("%(small)d of %(all)d cells of race, gender and decade hold fewer than %(least)d images.")
        % {"small": small, "all": table.size, "least": eda.SMALL_CELL},
        x=AGE_BINS,
        y=groups,
        values=missing,
        axes=Axes(x=_("Age in years"), y=_("Group")),
        notes=[[str(n) for n in row] for row in table.tolist()],
        wide=True,
    )


def _thrown_away(before: Counts, after: Counts, full: Counts) -> Chart:
    def by_race(counts: Counts) -> list[int]:
        return _ints(counts.sum(axis=(1, 2)))

    return bars(
        "recipes",
        _("What the recipes keep"),
        _("Undersampling leaves out %(lost)d clean images; “full” uses %(kept)d and weights them.")
        % {"lost": int(before.sum() - after.sum()), "kept": int(full.sum())},
        _races(),
        {"classic": by_race(after), "full": by_race(full)},
        axes=Axes(x=_("Race label"), y=_("Images")),
    )


def _image_charts(figures: Figures) -> list[Chart]:
    titles: dict[str, tuple[str, str, Callable[[float], str]]] = {
        "brightness": (
            _("Brightness"),
            _("Mean luma of each image, from 0 (black) to 255 (white)."),
            lambda edge: f"{edge:.0f}",
        ),
        "sharpness": (
            _("Blur"),
            _("Variance of the Laplacian: low is blurred; the last bar holds all that is sharper."),
            lambda edge: f"{edge:.0f}",
        ),
    }
    charts = [
        bars(
            field,
            title,
            sentence,
            [text(edge) for edge in eda.histogram_edges(field)[:-1]],
            {_("Images"): figures.histograms[field]},
            axes=Axes(x=title, y=_("Images")),
        )
        for field, (title, sentence, text) in titles.items()
    ]
    charts.append(
        bars(
            "resolution",
            _("Resolution"),
            _("The most frequent sizes in pixels."),
            list(figures.resolutions),
            {_("Images"): list(figures.resolutions.values())},
            axes=Axes(x=_("Pixels"), y=_("Images"), x_type="category"),
        )
    )
    return charts
