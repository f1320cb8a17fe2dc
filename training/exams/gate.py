"""What speaks against letting a version serve instead of the one that does now."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from training.attribute_names import label_title, title
from training.models import ModelVersion
from training.registry.figures import as_text, group_name, metric_names, metrics_of
from vision.attributes import ATTRIBUTES
from vision.evaluation.paired import (
    ENOUGH,
    GroupLoss,
    Loss,
    by_group,
    group_limit,
    margin,
    overall,
)
from vision.evaluation.scores import Scores, accuracies, compared_figures, figures

from .exam_store import outcomes, paired_outcomes
from .label_facts import label_warnings


def warnings(candidate: ModelVersion, serving: ModelVersion | None) -> list[str]:
    """What speaks against it, a sentence each; without any, the candidate may take over by itself.

    It has to be shown to be no worse, by `vision.evaluation.paired`, than the version that serves
    and than the `references`, by which losses too small to be seen cannot add up. Where nothing
    serves yet, there is nothing to compare with.
    """
    if serving is None:
        return list(label_warnings(candidate, {}))
    if candidate.pk == serving.pk:
        return []
    found = [
        *label_warnings(candidate, _rates(serving)),
        *_lost(candidate.manifest, serving.manifest),
        *_worse(candidate, serving),
    ]
    for fixed, heads in _by_version(references()):
        if fixed.pk not in {candidate.pk, serving.pk}:
            found += _worse(candidate, fixed, heads)
    return found


def remarks(candidate: ModelVersion, serving: ModelVersion | None) -> list[str]:
    """What limits the comparison, a sentence each."""
    if serving is None or candidate.pk == serving.pk:
        return []
    found: list[str] = []
    if (pair := _comparable(candidate, serving)) is not None:
        found += _too_small(by_group(*pair, _figures(candidate, serving)))
    if _composition(metrics_of(candidate)) != _composition(metrics_of(serving)):
        found.append(
            _(
                "The two versions’ own tests have different images, so small differences "
                "between those figures mean little."
            )
        )
    return found


def references() -> dict[str, ModelVersion]:
    """Head → the version that losses in its figure are counted from, whichever serves: the first
    that ever served, until another is shown to be better in that figure and no worse in any.

    One for each, or what is gained in one figure, time and again, would cover what is lost in
    another. What has not been examined, or has learnt from most of the exam, is passed over.
    """
    served = ModelVersion.objects.filter(activated_at__isnull=False).defer("report")
    found: dict[str, ModelVersion] = {}
    for version in served.order_by("created_at", "pk"):
        heads = _examined_heads(version)
        better = _better_heads(version, found)
        found |= {head: version for head in heads if head not in found or head in better}
    return found


def losses(candidate: ModelVersion, other: ModelVersion) -> list[Loss]:
    """What a version loses against another on the same images; empty where they cannot be
    compared."""
    pair = _comparable(candidate, other)
    return [] if pair is None else overall(*pair, _figures(candidate, other))


def _examined_heads(version: ModelVersion) -> list[str]:
    """The heads that have answered most of the exam."""
    scores = outcomes(version)
    if scores is None or not len(scores):
        return []
    return [
        head
        for head, (figure, *_) in compared_figures().items()
        if (~np.isnan(scores.outcomes[figure])).mean() > 0.5
    ]


def _better_heads(version: ModelVersion, found: Mapping[str, ModelVersion]) -> list[str]:
    """The heads in whose figure it is better than their reference; none if it is worse in any."""
    against = {other: losses(version, other) for other in set(found.values())}
    of_heads = {
        head: loss
        for head, other in found.items()
        for loss in against[other]
        if loss.figure in compared_figures()[head]
    }
    if not all(loss.is_no_worse for loss in of_heads.values()):
        return []
    return [head for head, loss in of_heads.items() if loss.high < 0]


def _comparable(one: ModelVersion, other: ModelVersion) -> tuple[Scores, Scores] | None:
    """What both said of enough images that neither has learnt from."""
    pair = paired_outcomes(one, other)
    return None if pair is None or len(pair[0]) < ENOUGH else pair


def _figures(one: ModelVersion, other: ModelVersion) -> Sequence[str]:
    """What is compared. Fewer race labels are easier to tell apart: where the two know different
    ones, only the three that all know."""
    same = _labels_of(one.manifest, "race") == _labels_of(other.manifest, "race")
    of_race = "race_accuracy" if same else "race3_accuracy"
    others = (figure for figure in accuracies() if figure != "race_accuracy")
    return ("age_mae", *others, of_race)


def _rates(serving: ModelVersion) -> Mapping[str, Any]:
    scores = outcomes(serving)
    return metrics_of(serving) if scores is None else figures(scores)


def _by_version(found: Mapping[str, ModelVersion]) -> Iterator[tuple[ModelVersion, list[str]]]:
    """Each reference, with the heads that it is one for."""
    for version in dict.fromkeys(found.values()):
        yield version, [head for head, other in found.items() if other == version]


def _worse(
    candidate: ModelVersion, other: ModelVersion, heads: Collection[str] = ATTRIBUTES
) -> Iterator[str]:
    pair = paired_outcomes(candidate, other)
    if pair is None:
        yield _(
            "It could not be compared with “%(name)s”: not examined. `manage.py examine` lets all "
            "versions sit the exam."
        ) % {"name": other.name}
        return
    if len(pair[0]) < ENOUGH:
        yield _(
            "It could not be compared with “%(name)s”: the exam has %(count)d images that neither "
            "has learnt from; %(enough)d are needed."
        ) % {"name": other.name, "count": len(pair[0]), "enough": ENOUGH}
        return
    known = {figure for head in heads for figure in compared_figures()[head]}
    compared = [figure for figure in _figures(candidate, other) if figure in known]
    for loss in overall(*pair, compared):
        if not loss.is_no_worse:
            yield _in_words(loss, other)
    yield from _worse_groups(by_group(*pair, compared), other)


def _in_words(loss: Loss, other: ModelVersion) -> str:
    if loss.low > 0:
        sentence = _(
            "%(figure)s: %(new)s instead of the %(old)s of “%(name)s” on the same %(count)d "
            "images; it is worse, by %(low)s to %(high)s."
        )
    else:
        sentence = _(
            "%(figure)s: %(new)s, and %(old)s of “%(name)s” on the same %(count)d images; it may "
            "be worse by up to %(high)s, and %(margin)s are allowed."
        )
    return sentence % {
        "figure": metric_names()[loss.figure],
        "new": as_text(loss.new),
        "old": as_text(loss.old),
        "name": other.name,
        "count": loss.n,
        # Outwards, so that a bound beyond the margin never reads as the margin itself.
        "low": as_text(floor(round(loss.low * 1000, 2)) / 1000),
        "high": as_text(ceil(round(loss.high * 1000, 2)) / 1000),
        "margin": as_text(margin(loss.figure)),
    }


def _worse_groups(found: Sequence[GroupLoss], other: ModelVersion) -> Iterator[str]:
    """One sentence for each figure that groups lose in."""
    for figure, groups in _by_figure([group for group in found if group.is_worse]):
        named = [
            f"{group_name(group.group)} ({as_text(group.loss.new)}; {as_text(group.loss.old)}; "
            f"{group.loss.n})"
            for group in groups
        ]
        yield _(
            "%(figure)s is worse than that of “%(name)s” for these groups (now; before; images): "
            "%(groups)s."
        ) % {"figure": figure, "name": other.name, "groups": ", ".join(named)}


def _too_small(found: Sequence[GroupLoss]) -> Iterator[str]:
    for figure, groups in _by_figure([group for group in found if group.cannot_be_told]):
        yield _(
            "%(figure)s: these groups have too few images to tell whether they lose more than "
            "%(limit)s (images): %(groups)s."
        ) % {
            "figure": figure,
            "limit": f"{group_limit(groups[0].loss.figure):g}",
            "groups": ", ".join(f"{group_name(one.group)} ({one.loss.n})" for one in groups),
        }


def _by_figure(groups: Sequence[GroupLoss]) -> Iterator[tuple[str, list[GroupLoss]]]:
    """The name of each figure, with its groups."""
    names = metric_names()
    for figure in dict.fromkeys(one.loss.figure for one in groups):
        if of_figure := [group for group in groups if group.loss.figure == figure]:
            yield names[figure], of_figure


def _lost(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    """What the manifests say that the old version estimates and the new one does not."""
    heads = new.get("heads", {})
    for head in old.get("heads", {}):
        if head not in heads:
            yield _("It does not estimate the %(head)s, which the present version does.") % {
                "head": title(head).lower()
            }
    for name in heads:
        if gone := _labels_of(old, name) - _labels_of(new, name):
            yield _(
                "It does not know the labels %(labels)s of the %(head)s, which the present version "
                "does."
            ) % {
                "labels": ", ".join(label_title(name, label) for label in sorted(gone)),
                "head": title(name).lower(),
            }


def _labels_of(manifest: Mapping[str, Any], head: str) -> set[str]:
    return set(manifest.get("heads", {}).get(head, {}).get("labels", ()))


def _composition(metrics: Mapping[str, Any]) -> tuple[Any, ...]:
    """How many images of which group the figures come from."""
    groups = metrics.get("groups", ())
    keys = [(group["race"], group["gender"], group["age"], group["n"]) for group in groups]
    return metrics.get("n"), sorted(keys)
