"""The charts of the funnel: what is left after each step of a policy, and why the rest is not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import value_in_words
from training.charts import Axes, Chart, bars
from training.models import Curation, ReasonChoice
from training.registry.figures import noise_sentences
from vision.attributes import RACE

from .dataset_figures import DECK_FUNNEL, Figures


def charts(figures: Figures, waiting: int, classic: Curation, full: Curation) -> list[Chart]:
    """The classic funnel beside the student deck's, every reason, and the full funnel.

    `waiting`: how many images have not been compared with the others yet.
    """
    return [_classic_funnel(classic), _reasons(figures, waiting), _full_funnel(full)]


def step_names() -> dict[str, str]:
    """The steps of `vision.data.selection`'s funnels, in words."""
    return {
        "files": _("Files"),
        "labelled": _("With usable labels"),
        "readable": _("Readable, with a face"),
        "consistent": _("Without contradictions"),
        "distinct": _("Without copies"),
        "races": _("Of the selection's races"),
        "corrections": _("Corrections within limits"),
        "balanced": _("Balanced by race"),
    }


def _classic_funnel(classic: Curation) -> Chart:
    steps = classic.funnel
    ours = [step["count"] for step in steps]
    deck = [DECK_FUNNEL.get(step["step"]) for step in steps]
    # In per cent of each one's files, or the deck would dwarf a small dataset.
    chart = bars(
        "funnel",
        _("The classic funnel"),
        _(
            "What share of the files is left after each step, beside the deck's: the slides of the "
            "student project that FaceRoute grew from."
        ),
        _names(steps),
        {
            _("This dataset"): [_per_cent(count, ours[0]) for count in ours],
            _("The deck"): [_per_cent(count, DECK_FUNNEL["files"]) for count in deck],
        },
        axes=Axes(x=_("Step"), y=_("Per cent of the files")),
        sideways=True,
        wide=True,
    )
    rows = tuple(zip(_names(steps), ours, deck, strict=True))
    chart = replace(chart, rows=rows, notes=tuple(_differences(steps)))
    return _with_reasons(chart, steps)


def _per_cent(count: int | None, files: int) -> float | None:
    return None if count is None else round(100 * count / max(files, 1), 1)


def _full_funnel(full: Curation) -> Chart:
    chart = bars(
        "full-funnel",
        _("The full funnel"),
        _("What the “full” selection keeps: everything clean, all five races, no undersampling."),
        _names(full.funnel),
        {_("Files"): [step["count"] for step in full.funnel]},
        axes=Axes(x=_("Step"), y=_("Files")),
        sideways=True,
    )
    return _with_reasons(chart, full.funnel)


def _names(steps: list[dict[str, Any]]) -> list[str]:
    names = step_names()
    return [names[step["step"]] for step in steps]


def _with_reasons(chart: Chart, steps: list[dict[str, Any]]) -> Chart:
    rows = ((*row, _taken(step["reasons"])) for row, step in zip(chart.rows, steps, strict=True))
    return replace(chart, columns=(*chart.columns, _("Excluded in this step")), rows=tuple(rows))


def _differences(steps: list[dict[str, Any]]) -> Iterator[str]:
    """A sentence for every step of the deck: how far ours is from it, and why."""
    ours = {step["step"]: step["count"] for step in steps}
    known = [step for step in DECK_FUNNEL if step in ours]
    yield _("Files: %(difference)s than in the deck; the archives differ, not the cleaning.") % {
        "difference": _more_or_fewer(ours["files"] - DECK_FUNNEL["files"])
    }
    for before, step in pairwise(known):
        taken = ours[before] - ours[step], DECK_FUNNEL[before] - DECK_FUNNEL[step]
        yield _explanations()[step] % {
            "ours": taken[0],
            "deck": taken[1],
            "share": round(100 * taken[0] / max(ours[before], 1), 1),
            "deck_share": round(100 * taken[1] / DECK_FUNNEL[before], 1),
            "smallest": ours[step] // 3,
            "deck_smallest": DECK_FUNNEL[step] // 3,
            "reasons": _taken(_reasons_between(steps, before, step)) or _("nothing"),
        }


def _more_or_fewer(difference: int) -> str:
    if not difference:
        return _("neither more nor fewer")
    if difference > 0:
        return ngettext("%(count)d more", "%(count)d more", difference) % {"count": difference}
    return ngettext("%(count)d fewer", "%(count)d fewer", -difference) % {"count": -difference}


def _explanations() -> dict[str, str]:
    return {
        "consistent": _(
            "Cleaning: the deck took out %(deck)d files by hand and does not say which; here "
            "%(ours)d go by name (%(reasons)s). Copies that agree, or differ in age alone, stay in "
            "“classic”, because the deck did not look for copies."
        ),
        "races": _(
            "Races: “Indian” and “Others” are %(share)s%% of what was left here (%(ours)d) and "
            "%(deck_share)s%% in the deck (%(deck)d)."
        ),
        "balanced": _(
            "Balance: every race is cut to the smallest, which has %(smallest)d images here and "
            "had %(deck_smallest)d in the deck."
        ),
    }


def _reasons_between(steps: list[dict[str, Any]], before: str, last: str) -> dict[str, int]:
    names = [step["step"] for step in steps]
    between = steps[names.index(before) + 1 : names.index(last) + 1]
    return {reason: count for step in between for reason, count in step["reasons"].items()}


def _taken(reasons: dict[str, int]) -> str:
    return "; ".join(f"{_reason_name(reason)}: {count}" for reason, count in reasons.items())


def _reason_name(reason: str) -> str:
    if reason in (of_corrections := _corrections_left_out()):
        return of_corrections[reason]
    kind, _underscore, label = reason.partition("_")
    if kind in {"race", "surplus"} and label in RACE.labels:
        race = value_in_words(RACE.name, RACE.labels.index(label))
        words = _("race %(race)s") if kind == "race" else _("surplus of %(race)s")
        return words % {"race": race}
    return str(ReasonChoice(reason).label)


def _corrections_left_out() -> dict[str, str]:
    """Why corrections do not train, by the reasons of `vision.data.selection`."""
    return {
        "held_back": _("corrections that show a held-out picture"),
        "sender_bound": _("corrections beyond the limit for one sender"),
        "joint_bound": _("corrections beyond the limit for all senders together"),
    }


def _reasons(figures: Figures, waiting: int) -> Chart:
    aside = {r: n for r, n in figures.reasons.items() if r}
    ordered = sorted(aside, key=lambda reason: -aside[reason])
    chart = bars(
        "reasons",
        _("Why images are excluded"),
        _copies(figures.copies),
        [str(ReasonChoice(reason).label) for reason in ordered],
        {_("Files"): [aside[reason] for reason in ordered]},
        axes=Axes(x=_("Reason"), y=_("Files")),
        sideways=True,
    )
    notes = (*_waiting(waiting), *noise_sentences(figures.label_noise))
    return replace(chart, notes=notes)


def _copies(copies: Mapping[str, int]) -> str:
    return ngettext(
        "%(groups)d group of identical files, %(conflicts)d of them with differing labels.",
        "%(groups)d groups of identical files, %(conflicts)d of them with differing labels.",
        copies["identical_groups"],
    ) % {"groups": copies["identical_groups"], "conflicts": copies["conflicting_groups"]}


def _waiting(count: int) -> Iterator[str]:
    if count:
        yield ngettext(
            "%(count)d image has not been compared with the others yet, so near copies of it may "
            "be missing here. The next import or training does it, or “manage.py find_copies”.",
            "%(count)d images have not been compared with the others yet, so near copies of them "
            "may be missing here. The next import or training does it, or “manage.py find_copies”.",
            count,
        ) % {"count": count}
