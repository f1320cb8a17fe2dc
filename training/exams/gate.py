"""What speaks against letting a version serve instead of the one that does now."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np

from training.messages import (
    counted_group,
    in_words,
    named_figure,
    named_group,
    named_head,
    named_label,
)
from training.models import ModelVersion
from training.registry.figures import as_text, metrics_of
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
from vision.messages import Message, Parameter

from .exam_store import outcomes, paired_outcomes
from .label_facts import label_warnings


def warnings(candidate: ModelVersion, serving: ModelVersion | None) -> list[str]:
    """The `objections`, a sentence each in the reader's language."""
    return [in_words(objection) for objection in objections(candidate, serving)]


def objections(candidate: ModelVersion, serving: ModelVersion | None) -> list[Message]:
    """What speaks against it; without any, the candidate may take over by itself.

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
    """What limits the comparison, a sentence each in the reader's language."""
    if serving is None or candidate.pk == serving.pk:
        return []
    found: list[Message] = []
    if (pair := _comparable(candidate, serving)) is not None:
        found += _too_small(by_group(*pair, _figures(candidate, serving)))
    if _composition(metrics_of(candidate)) != _composition(metrics_of(serving)):
        found.append(Message("gate.other_tests"))
    return [in_words(remark) for remark in found]


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
) -> Iterator[Message]:
    pair = paired_outcomes(candidate, other)
    if pair is None:
        yield Message("gate.not_examined", {"name": other.name})
        return
    if len(pair[0]) < ENOUGH:
        yield Message("gate.too_few", {"name": other.name, "count": len(pair[0]), "enough": ENOUGH})
        return
    known = {figure for head in heads for figure in compared_figures()[head]}
    compared = [figure for figure in _figures(candidate, other) if figure in known]
    for loss in overall(*pair, compared):
        if not loss.is_no_worse:
            yield _of_loss(loss, other)
    yield from _worse_groups(by_group(*pair, compared), other)


def _of_loss(loss: Loss, other: ModelVersion) -> Message:
    told: dict[str, Parameter] = {
        "figure": named_figure(loss.figure),
        "new": as_text(loss.new),
        "old": as_text(loss.old),
        "name": other.name,
        "count": loss.n,
        # Outwards, so that a bound beyond the margin never reads as the margin itself.
        "high": as_text(ceil(round(loss.high * 1000, 2)) / 1000),
    }
    if loss.low > 0:
        low = as_text(floor(round(loss.low * 1000, 2)) / 1000)
        return Message("gate.worse", {**told, "low": low})
    return Message("gate.may_be_worse", {**told, "margin": as_text(margin(loss.figure))})


def _worse_groups(found: Sequence[GroupLoss], other: ModelVersion) -> Iterator[Message]:
    """One message for each figure that groups lose in."""
    for name, groups in _by_figure([group for group in found if group.is_worse]):
        named = [_with_figures(one) for one in groups]
        told: dict[str, Parameter] = {
            "figure": named_figure(name),
            "name": other.name,
            "groups": named,
        }
        yield Message("gate.worse_groups", told)


def _with_figures(one: GroupLoss) -> Message:
    return Message(
        "group.figures",
        {
            "group": named_group(one.group),
            "new": as_text(one.loss.new),
            "old": as_text(one.loss.old),
            "count": one.loss.n,
        },
    )


def _too_small(found: Sequence[GroupLoss]) -> Iterator[Message]:
    for name, groups in _by_figure([group for group in found if group.cannot_be_told]):
        yield Message(
            "gate.groups_too_small",
            {
                "figure": named_figure(name),
                "limit": f"{group_limit(name):g}",
                "groups": [counted_group(one.group, one.loss.n) for one in groups],
            },
        )


def _by_figure(groups: Sequence[GroupLoss]) -> Iterator[tuple[str, list[GroupLoss]]]:
    """Each figure, with its groups."""
    for name in dict.fromkeys(one.loss.figure for one in groups):
        if of_figure := [group for group in groups if group.loss.figure == name]:
            yield name, of_figure


def _lost(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Message]:
    """What the manifests say that the old version estimates and the new one does not."""
    heads = new.get("heads", {})
    for head in old.get("heads", {}):
        if head not in heads:
            yield Message("gate.head_lost", {"head": named_head(head)})
    for name in heads:
        if gone := _labels_of(old, name) - _labels_of(new, name):
            labels = [named_label(name, label) for label in sorted(gone)]
            yield Message("gate.labels_lost", {"labels": labels, "head": named_head(name)})


def _labels_of(manifest: Mapping[str, Any], head: str) -> set[str]:
    return set(manifest.get("heads", {}).get(head, {}).get("labels", ()))


def _composition(metrics: Mapping[str, Any]) -> tuple[Any, ...]:
    """How many images of which group the figures come from."""
    groups = metrics.get("groups", ())
    keys = [(group["race"], group["gender"], group["age"], group["n"]) for group in groups]
    return metrics.get("n"), sorted(keys)
