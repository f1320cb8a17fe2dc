"""The model card of a version, written from its manifest and its report.

After Mitchell et al., "Model cards for model reporting", FAT* 2019. A card goes where its bundle
goes, so it is in English whatever language the site is read in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import override

from training.attribute_names import name_in_words
from training.exams.exam_tables import exam_sentences
from training.registry.figures import (
    DECK_METRICS,
    as_text,
    figure_text,
    gap_sentences,
    group_name,
    marginal_groups,
    test_sentences,
)
from vision.attributes import RACE, labelled
from vision.evaluation.fairness import ENOUGH, group_figures

from .edit_tables import edits_table

Facts = Mapping[str, Any]

_OUTPUTS = {
    "distribution": "a distribution over years, whose expectation is the estimate",
    "scalar": "a number of years",
    "binary": "two labels with probabilities",
    "classes": "labels with probabilities",
}
_LIMITS = """\
It estimates what an annotator of its dataset would have written beside a picture. That is not who
somebody is: it identifies nobody, it must not decide anything about anybody, and its genders and
races are the labels of one dataset, not properties of people. The labels themselves are guesses by
others, so what is an error here is a disagreement with a guess.

Its errors differ by group, as shown above; a group that is not shown had too few images to say
anything about, which is a reason for more care, not for less. Expect larger errors for faces
turned away, covered or badly lit, and for pictures unlike those it learnt from. Crops have to be
aligned to the template that belongs to it; FaceRoute does that.
"""

_EXAM = "## The exam that all versions of its site sit"


def model_card(manifest: Facts, report: Facts) -> str:
    """A model card in Markdown.

    `manifest` is a bundle's. `report` is what `vision.evaluation.report` gave; where it is empty
    the card tells no more than the manifest's `metrics` do.
    """
    with override("en"):
        sections = {
            "What it is": _what_it_is(manifest),
            "What it was trained on": _facts(manifest.get("data", {})),
            "How it was trained": _training(manifest),
            "Performance": _figures(manifest, report),
            "For whom": _by_group(report),
            "What an editor does to a photo": _edits(report),
            "Whether it keeps its word": _honesty(report),
            "What it must not be used for": _LIMITS,
            "Licence": manifest.get("licence") or "Not stated; ask whoever trained it.",
        }
    parts = [f"## {title}\n\n{text.strip()}\n" for title, text in sections.items() if text]
    return "\n".join([f"# The model {manifest['name']}\n", *parts])


def exam_section(facts: Facts, figures: Facts) -> str:
    """What a site adds to the card of a version that sat its exam: `exams.facts_of`, and the
    figures."""
    with override("en"):
        table = [["images", *_columns().values()], [str(figures["n"]), *_cells(figures)]]
        text = "\n\n".join([" ".join(exam_sentences(facts)), _table(table)])
    return f"{_EXAM}\n\n{text}\n"


def with_exam(card: str, section: str) -> str:
    """A card with that section at its end, in place of one that it has."""
    return f"{card.split(_EXAM, maxsplit=1)[0].rstrip()}\n\n{section}"


def _facts(facts: Facts) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in _flat(facts))


def _columns() -> dict[str, str]:
    return {
        "age_mae": "age MAE",
        "age_bias": "age bias",
        "age_mse": "MSE",
        "age_rmse": "RMSE",
        "age_within_5": "within 5 years",
        **{f"{one.name}_accuracy": name_in_words(one.name) for one in labelled() if one != RACE},
        "race3_accuracy": "race (3 labels)",
        "race_accuracy": "race (5 labels)",
        "age_interval_coverage": "ages in interval",
    }


def _flat(facts: Facts, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as pairs of a readable name and a value; tables are left to the manifest."""
    for key, value in facts.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}, ")
        elif not isinstance(value, list):
            yield name, str(value)
        elif not any(isinstance(one, Mapping) for one in value):
            yield name, ", ".join(map(str, value))


def _training(manifest: Facts) -> str:
    """How it was trained, without what the heads are, which stands elsewhere."""
    facts = dict(manifest.get("training", {}))
    if isinstance(recipe := facts.get("recipe"), Mapping):
        facts["recipe"] = {key: value for key, value in recipe.items() if key != "heads"}
    text = _facts(facts)
    if calibration := manifest.get("calibration"):
        text += (
            f"\n\nIts weights are those of `{calibration['of']}`. How soft and how dark its crops "
            "may be, its temperatures and its interval were measured anew.\n\n"
            f"{_facts(calibration)}"
        )
    return text


def _what_it_is(manifest: Facts) -> str:
    size = manifest.get("input_size")
    lines = [
        f"keras-vggface's {str(manifest.get('architecture')).upper()} backbone at {size} × {size} "
        "pixels with these heads:\n"
    ]
    for name, head in manifest.get("heads", {}).items():
        output = _OUTPUTS.get(head.get("output"), "an estimate")
        labels = ", ".join(head.get("labels", ()))
        again = head.get("second_look")
        lines.append(
            f"- {name}: {output}{f' ({labels})' if labels else ''}"
            + (
                f"; unsure ones (under {again:g}) are looked at once more, mirrored"
                if again
                else ""
            )
        )
    lines += _reading(manifest.get("reading", {}))
    if made := manifest.get("created_at"):
        lines.append(f"\nMade on {str(made)[:10]}.")
    return "\n".join(lines)


def _reading(reading: Facts) -> list[str]:
    """What is done to crops before the network sees them."""
    said = {
        "softness": "Crops sharper than most that it learnt from are softened before it sees them, "
        "to {:g} (docs/developer/reading.md).",
        "highlights": "Crops darker than nearly all that it learnt from are brightened before it "
        "sees them, to highlights of {:g} of 255 (docs/developer/reading.md).",
        "face_highlights": "Where the face is darker than nearly all of these, whatever is behind "
        "it, the crop is brightened until its highlights are {:g} of 255.",
    }
    return ["\n" + words.format(reading[name]) for name, words in said.items() if name in reading]


def _figures(manifest: Facts, report: Facts) -> str:
    """All protocols beside the student deck, with how far each figure may be off."""
    protocols = report.get("protocols", {})
    rows: dict[str, Facts] = {
        "all ages": protocols.get("all_ages") or manifest.get("metrics", {}),
        "ages 21 to 60": protocols.get("ages_21_60", {}),
    }
    table = [["", "images", *_columns().values()]]
    for name, figures in rows.items():
        if figures:
            table.append([name, str(figures.get("n", "–")), *_cells(figures)])
        if intervals := figures.get("intervals"):
            table.append([f"{name}, 95% interval", "", *_cells(intervals)])
    table.append(["baseline (the student deck)", "–", *_cells(DECK_METRICS)])
    return (
        "On images held back from training. The baseline is the student deck that FaceRoute grew "
        "from: VGG-Face's network with three heads, trained on UTKFace. It was measured on a test "
        "split of its own, so its row is for orientation, not a contest on equal terms. "
        "Errors are in years; all else are shares. The bias is the mean of estimated minus "
        "labelled age: above zero, people are taken for older than their labels say.\n\n"
        + "\n\n".join([_table(table), *test_sentences(manifest, report)])
    )


def _by_group(report: Facts) -> str:
    groups = report.get("metrics", {}).get("groups", ())
    if not groups:
        return "No figures by group were recorded."
    enough = [group for group in groups if group["n"] >= ENOUGH]
    table = [["labelled", "images", *(_columns()[figure] for figure in group_figures())]]
    table += [
        [
            group_name(group),
            str(group["n"]),
            *(_with_interval(group, figure) for figure in group_figures()),
        ]
        for group in (*_marginal(report), *enough)
    ]
    text = (
        f"By race, by gender, by decade, and by all three where {ENOUGH} images or more have them; "
        "figures of fewer say more of chance than of the group. In brackets how far a figure may "
        f"be off (95%), where that is known.\n\n{_table(table)}"
    )
    if gaps := "\n".join(f"- {sentence}" for sentence in gap_sentences(report.get("gaps", ()))):
        text += f"\n\nThe largest gaps between groups of at least {ENOUGH} images:\n\n{gaps}"
    return text


def _marginal(report: Facts) -> Iterable[Facts]:
    """Groups by one label; reports of before have them without intervals."""
    known: Iterable[Facts] | None = report.get("by_group")
    return known or marginal_groups(report["metrics"]["groups"], group_figures())


def _with_interval(group: Facts, figure: str) -> str:
    text = figure_text(group, figure)
    if not group.get("intervals", {}).get(figure):
        return text
    return f"{text} ({figure_text(group['intervals'], figure)})"


def _edits(report: Facts) -> str:
    table = edits_table(report)
    if table is None:
        return ""
    return (
        f"How much the figures change when {report['edits']['n']} images are edited before they "
        "are read: ages in years, accuracies as shares of 1. A model that reads texture as "
        "age takes sharpened faces for older and blurred ones for younger.\n\n"
        + _table([table.columns, *table.rows])
    )


def _honesty(report: Facts) -> str:
    lines = []
    if interval := report.get("interval"):
        lines.append(
            f"- The age interval claims to hold {interval['promised']:.0%} of the labelled ages "
            f"and holds {interval['coverage']:.1%}; it is {interval['mean_width']:.1f} years wide "
            f"on average.{_by_estimated_decade(interval)}"
        )
    for head, reliability in report.get("reliability", {}).items():
        if reliability:
            lines.append(
                f"- {head}: mean confidence {as_text(reliability['mean_confidence'])}, accuracy "
                f"{as_text(reliability['accuracy'])}, expected calibration error "
                f"{as_text(reliability['expected_calibration_error'])}."
            )
    return "\n".join(lines)


def _by_estimated_decade(interval: Facts) -> str:
    """A sentence for reports that tell it; decades with too few images are left out."""
    decades = interval.get("by_estimated_decade", [])
    held = [f"{one['age']}: {one['coverage']:.1%}" for one in decades if one["n"] >= ENOUGH]
    return f" By estimated decade it holds {', '.join(held)}." if held else ""


def _cells(figures: Facts) -> list[str]:
    return [figure_text(figures, figure) for figure in _columns()]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])
