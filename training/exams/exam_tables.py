"""The exam in words and in a table: what a version's page and its card say of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.models import ModelVersion
from training.registry.figures import Comparison, figure_text, metric_names, metrics_of
from vision.evaluation.scores import figures

from .exam_store import current_exam, facts_of, figures_of, paired_outcomes

Facts = Mapping[str, Any]


def exam_sentences(facts: Facts) -> Iterator[str]:
    """What images an exam has, by `exams.facts_of`, and how often they were looked at."""
    frozen = timezone.localdate(datetime.fromisoformat(facts["frozen_at"]))
    yield _(
        "%(images)d test images of “%(dataset)s”, frozen on %(date)s: no dataset, label or "
        "override changes them, and nothing learns from them."
    ) % {
        "images": facts["images"],
        "dataset": facts["dataset"],
        "date": date_format(frozen, "DATE_FORMAT"),
    }
    yield ngettext(
        "%(count)d version has been scored on them.",
        "%(count)d versions have been scored on them; the more there are, the more the best of "
        "them owes to chance.",
        facts["versions"],
    ) % {"count": facts["versions"]}


def sentences(version: ModelVersion, serving: ModelVersion | None) -> Iterator[str]:
    """All there is to say of the exam, of a version, and of the one that it is compared with."""
    exam = current_exam()
    if exam is None:
        yield _("There is no exam yet. The first training freezes the test images of its dataset.")
        return
    facts = facts_of(exam)
    yield from exam_sentences(facts)
    for one in _both(version, serving):
        found = figures_of(one)
        if found is None:
            yield _("“%(name)s” has not been examined yet.") % {"name": one.name}
        elif unasked := facts["images"] - found["n"]:
            yield ngettext(
                "“%(name)s” was trained on %(count)d of them or on a near copy: it does not count.",
                "“%(name)s” was trained on %(count)d of them or on near copies: they do not count.",
                unasked,
            ) % {"name": one.name, "count": unasked}


def table(version: ModelVersion, serving: ModelVersion | None) -> Comparison | None:
    """A version's figures on the exam, beside those of the version that serves on the images that
    neither has learnt from, and those on the test of its own dataset; None where not examined."""
    found = figures_of(version)
    if found is None:
        return None
    columns: dict[str, Facts] = {version.name: found}
    if serving and serving.pk != version.pk and (pair := paired_outcomes(version, serving)):
        new, old = ({"n": len(scores), **figures(scores)} for scores in pair)
        columns = {version.name: new, _("In use: %(name)s") % {"name": serving.name}: old}
    columns[_("On its own test")] = metrics_of(version)
    names = metric_names() | {"age_interval_coverage": _("Age, share inside the interval")}
    counts = (_("Images"), *(str(column.get("n", "–")) for column in columns.values()))
    rows = tuple(
        (name, *(figure_text(column, metric) for column in columns.values()))
        for metric, name in names.items()
    )
    return Comparison((_("Figure"), *columns), (counts, *rows))


def _both(version: ModelVersion, serving: ModelVersion | None) -> list[ModelVersion]:
    return [version, serving] if serving and serving.pk != version.pk else [version]
