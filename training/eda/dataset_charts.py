"""The charts of a dataset, in the order an administrator reads them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import name_in_words, title, values_in_words
from training.charts import Axes, Chart, Section, bars, boxes, heat_map
from training.datasets import copies, curations
from training.models import Curation, Dataset, SplitName
from training.registry.figures import group_name
from vision.attributes import AGE_BINS, GENDER, RACE, labelled
from vision.data.selection import POLICIES

from . import dataset_figures, funnel_charts
from .dataset_figures import Counts, Figures

# The deck's `age_cat`: everybody under twenty is one category, then decades.
_NAMED = 12  # cells that a sentence names; the table of cells has all
_AGE_CATS = ("<20", "20", "30", "40", "50", "60", "70", "80", "90+")


def sections(dataset: Dataset) -> list[Section]:
    """Every chart of the dataset as it is now."""
    figures = dataset_figures.figures(dataset)
    known = curations.current(dataset)
    classic, full = known["classic"], known["full"]
    funnels = funnel_charts.charts(figures, copies.waiting(dataset), classic, full)
    return [
        Section(_("From files to training images"), funnels),
        Section(_("Who is in the dataset"), _label_charts(figures)),
        Section(_("Balance"), _balance_charts(figures, classic, full)),
        Section(_("What the images are like"), _image_charts(figures)),
    ]


def tables(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Every chart's numbers, for programs: key → what it shows, columns and rows."""
    return {
        chart.key: {
            "title": chart.title,
            "shows": chart.sentence,
            "notes": chart.notes,
            "columns": chart.columns,
            "rows": chart.rows,
        }
        for section in sections(dataset)
        for chart in section.charts
    }


def _races() -> list[str]:
    return values_in_words(RACE.name)


def _genders() -> list[str]:
    return values_in_words(GENDER.name)


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
            AGE_BINS, {_("Images"): _ints(dataset_figures.by_decade(ages))},
            axes=Axes(x=_("Age in years"), y=_("Images")),
        ),
        *(_labels(figures, one.name) for one in labelled()),
        bars(
            "race-gender", _("Race and gender"),
            _("The share of each gender label within each race label."),
            _races(),
            {
                name: _ints(cube[:, gender].sum(axis=-1))
                for gender, name in enumerate(_genders())
            },
            axes=Axes(x=_("Race label"), y=_("Images")), stacked=True,
        ),
        _age_boxes(cube),
    ]  # fmt: skip


def _labels(figures: Figures, name: str) -> Chart:
    words = {"attribute": name_in_words(name)}
    return bars(
        name,
        title(name),
        _("How many images carry each %(attribute)s label.") % words,
        values_in_words(name),
        {_("Images"): _ints(figures.labels_of(name))},
        axes=Axes(x=capfirst(_("%(attribute)s label") % words), y=_("Images")),
    )


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
        axes=Axes(x=_("Race label"), y=_("Age in years"), series=_("Gender label")),
        wide=True,
    )


def _five_numbers(counts: Counts) -> list[int]:
    """The 5, 25, 50, 75 and 95% points of ages given as counts per year."""
    cumulative = np.cumsum(counts) / counts.sum()
    return [int(np.searchsorted(cumulative, share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]


def _balance_charts(figures: Figures, classic: Curation, full: Curation) -> list[Chart]:
    after = _whole(classic)
    policy = POLICIES[classic.policy]
    before = figures.with_reasons(["", *policy.tolerated])
    before[len(policy.races) :] = 0
    highest = max(map(_highest, (before, after)))
    return [
        _age_cats(
            "before", _("Age group by race, before balancing"),
            _("The three races of the classic selection before undersampling."), before, highest,
        ),
        _age_cats(
            "after", _("Age group by race, after balancing"),
            _("The same after undersampling: every race has as many images as the smallest."),
            after, highest,
        ),
        _splits(classic, full),
        *_corrections(figures, classic, full),
        _small_cells(figures.used),
        _thrown_away(before, after, _whole(full)),
    ]  # fmt: skip


def _whole(curation: Curation) -> Counts:
    whole: Counts = sum(dataset_figures.curated_cube(curation).values())  # type: ignore[assignment]
    return whole


def _age_cat(counts: Counts) -> Counts:
    """Counts (…, ages) as (…, `_AGE_CATS`)."""
    decades = dataset_figures.by_decade(counts)
    first = decades[..., :2].sum(axis=-1, keepdims=True)
    return np.concatenate([first, decades[..., 2:]], axis=-1)


def _highest(counts: Counts) -> int:
    return int(_age_cat(counts.sum(axis=1)).max())


def _age_cats(key: str, title: str, sentence: str, counts: Counts, highest: int) -> Chart:
    cats = _age_cat(counts.sum(axis=1))
    return bars(
        key,
        title,
        sentence,
        _AGE_CATS,
        {race: _ints(cats[r]) for r, race in enumerate(_races()[:3])},
        axes=Axes(x=_("Age group"), y=_("Images")),
        highest=highest,  # one scale for both, or the eye compares nothing
    )


def _splits(classic: Curation, full: Curation) -> Chart:
    sizes = dataset_figures.split_sizes({"classic": classic, "full": full})
    names = {split: str(label) for split, label in SplitName.choices}
    chart = bars(
        "splits",
        _("Splits"),
        _("How many images each selection trains and validates on, and the test of all versions."),
        list(names.values()),
        {policy: [found[split] for split in names] for policy, found in sizes.items()},
        axes=Axes(x=_("Split"), y=_("Images")),
    )
    return replace(chart, notes=tuple(_untested(dataset_figures.untested_cells(full))))


def _corrections(figures: Figures, classic: Curation, full: Curation) -> Iterator[Chart]:
    """What senders gave, apart from the rest; nothing where nobody gave anything."""
    found = dataset_figures.corrections_of(figures, {"classic": classic, "full": full})
    if not found["files"]:
        return
    learnt = found["learnt"]
    columns = {_("Senders"): "senders", _("Most from one sender"): "most_of_one"}
    chart = bars(
        "corrections",
        _("Corrections"),
        _(
            "%(files)d corrections from %(senders)d senders, and how many are used for training. "
            "None is used for testing."
        )
        % found,
        list(learnt),
        {_("Images"): [chosen["images"] for chosen in learnt.values()]},
        axes=Axes(x=_("Recipe"), y=_("Images")),
    )
    yield chart.with_columns(
        {name: [chosen[key] for chosen in learnt.values()] for name, key in columns.items()}
    )


def _counted(cell: dict[str, Any]) -> str:
    return f"{group_name(cell)} ({cell['n']})"


def _untested(cells: list[dict[str, Any]]) -> Iterator[str]:
    if cells:
        yield ngettext(
            "%(count)d cell of race, gender and decade is too small for a test image, so tests say "
            "nothing of it: %(cells)s.",
            "%(count)d cells of race, gender and decade are too small for a test image, so tests "
            "say nothing of them: %(cells)s.",
            len(cells),
        ) % {
            "count": len(cells),
            "cells": "; ".join(
                [*map(_counted, cells[:_NAMED]), *(["…"] if len(cells) > _NAMED else [])]
            ),
        }


def _small_cells(used: Counts) -> Chart:
    decades = dataset_figures.by_decade(used)
    groups = [f"{race}, {gender}" for race in _races() for gender in _genders()]
    table = decades.reshape(-1, decades.shape[-1])
    small = int((table < dataset_figures.SMALL_CELL).sum())
    rows: list[list[int]] = table.tolist()
    return heat_map(
        "cells",
        _("Images in every cell"),
        _(
            "%(small)d of %(all)d cells of race, gender and decade hold fewer than %(least)d "
            "images and are grey; the stronger the colour of the others, the more images they hold."
        )
        % {"small": small, "all": table.size, "least": dataset_figures.SMALL_CELL},
        x=AGE_BINS,
        y=groups,
        values=[[n if n >= dataset_figures.SMALL_CELL else None for n in row] for row in rows],
        axes=Axes(x=_("Age in years"), y=_("Group")),
        notes=[[str(n) for n in row] for row in rows],
        wide=True,
    )


def _thrown_away(before: Counts, after: Counts, full: Counts) -> Chart:
    def by_race(counts: Counts) -> list[int]:
        return _ints(counts.sum(axis=(1, 2)))

    return bars(
        "recipes",
        _("What the selections keep"),
        _("Undersampling leaves out %(lost)d clean images; “full” uses %(kept)d and weights them.")
        % {"lost": int(before.sum() - after.sum()), "kept": int(full.sum())},
        _races(),
        {"classic": by_race(after), "full": by_race(full)},
        axes=Axes(x=_("Race label"), y=_("Images")),
    )


def _image_charts(figures: Figures) -> list[Chart]:
    titles = {
        "brightness": (
            _("Brightness"),
            _("Mean luma of each image, from 0 (black) to 255 (white)."),
        ),
        "sharpness": (
            _("Blur"),
            _("Variance of the Laplacian, in bins of growing width: the lower, the more blurred."),
        ),
    }
    charts = [
        bars(
            field,
            title,
            sentence,
            [_short(edge) for edge in dataset_figures.histogram_edges(field)[:-1]],
            {_("Images"): figures.histograms[field]},
            axes=Axes(x=title, y=_("Images")),
        )
        for field, (title, sentence) in titles.items()
    ]
    charts.append(
        bars(
            "resolution",
            _("Resolution"),
            _("The most frequent sizes in pixels."),
            list(figures.resolutions),
            {_("Images"): list(figures.resolutions.values())},
            axes=Axes(x=_("Pixels"), y=_("Images")),
            sideways=True,
        )
    )
    return charts


def _short(number: float) -> str:
    """Three digits that matter, never as a power of ten."""
    return f"{float(f'{number:.3g}'):g}"
