"""What speaks against letting a version serve instead of the one that does now."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from vision.fairness import ENOUGH, lower_is_better

from .metrics import as_text, group_name, metric_names, metrics_of
from .models import ModelVersion

Metrics = Mapping[str, Any]  # a document of `vision.evaluate.evaluate`

# Some 2,400 test images leave an age error uncertain by about 0.2 years and an accuracy of 0.9 by
# 0.012 (95 %); what is worse by more than about that is hardly chance.
MARGINS: dict[str, float] = {
    "age_mae": 0.2,
    "gender_accuracy": 0.01,
    "race_accuracy": 0.015,
    "race3_accuracy": 0.01,
}
# The same for a group of 50 images: about one and a half standard errors of a difference, or
# three where both versions saw the same images. Narrower, and some group always warns.
GROUP_MARGINS: dict[str, float] = {
    "age_mae": 1.5,
    "gender_accuracy": 0.1,
    "race_accuracy": 0.1,
}


def warnings(candidate: ModelVersion, serving: ModelVersion | None) -> list[str]:
    """What would get worse, a sentence each; without any, the candidate may take over by itself.

    Where nothing serves yet, there is nothing to compare with and no warning.
    """
    if serving is None or candidate.pk == serving.pk:
        return []
    new, old = metrics_of(candidate), metrics_of(serving)
    lost = _lost(candidate.manifest, serving.manifest)
    if _race_labels(candidate.manifest) != _race_labels(serving.manifest):
        # Fewer labels are easier to tell apart: only the three that both know compare.
        new, old = _without_five_races(new), _without_five_races(old)
    return [*lost, *_unmeasured(new), *worse_overall(new, old), *worse_groups(new, old)]


def remarks(candidate: ModelVersion, serving: ModelVersion | None) -> list[str]:
    """What limits the comparison, a sentence each."""
    if serving is None or candidate.pk == serving.pk:
        return []
    new, old = metrics_of(candidate), metrics_of(serving)
    found = []
    for name, metrics in ((candidate.name, new), (serving.name, old)):
        if not metrics.get("groups"):
            found.append(
                _("“%(name)s” has no figures by group; only the overall figures were compared.")
                % {"name": name}
            )
    if _composition(new) != _composition(old):
        found.append(
            _(
                "The two versions were measured on different images, so small differences "
                "between their figures mean little."
            )
        )
    return found


def worse_overall(new: Metrics, old: Metrics) -> list[str]:
    """The overall figures that are worse by more than their margin."""
    names = metric_names()
    return [
        _("%(figure)s: %(new)s instead of %(old)s, worse by more than %(margin)s.")
        % {
            "figure": names[figure],
            "new": as_text(new[figure]),
            "old": as_text(old[figure]),
            "margin": f"{margin:g}",
        }
        for figure, margin in MARGINS.items()
        if _loss(figure, new, old) > margin
    ]


def worse_groups(new: Metrics, old: Metrics) -> list[str]:
    """For each figure, the groups of race × gender × decade that lose more than the margin.

    Only groups with at least 50 images in both count.
    """
    before = {_key(group): group for group in old.get("groups", ()) if group["n"] >= ENOUGH}
    pairs = [
        (group, before[_key(group)])
        for group in new.get("groups", ())
        if group["n"] >= ENOUGH and _key(group) in before
    ]
    names = metric_names()
    found = []
    for figure, margin in GROUP_MARGINS.items():
        losers = [
            f"{group_name(now)} ({as_text(now[figure])}; {as_text(then[figure])})"
            for now, then in pairs
            if _loss(figure, now, then) > margin
        ]
        if losers:
            found.append(
                _(
                    "%(figure)s is worse by more than %(margin)s for these groups (now; "
                    "before): %(groups)s."
                )
                % {
                    "figure": names[figure],
                    "margin": f"{margin:g}",
                    "groups": ", ".join(losers),
                }
            )
    return found


def _loss(figure: str, new: Metrics, old: Metrics) -> float:
    """By how much a figure is worse; 0 where either is unknown."""
    now, then = new.get(figure), old.get(figure)
    if now is None or then is None:
        return 0.0
    return float(now - then if lower_is_better(figure) else then - now)


def _lost(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    """What the manifests say that the old version estimates and the new one does not."""
    names = {"age": _("age"), "gender": _("gender"), "race": _("race")}
    heads = new.get("heads", {})
    for head in old.get("heads", {}):
        if head not in heads:
            yield _("It does not estimate the %(head)s, which the present version does.") % {
                "head": names[head]
            }
    if "race" in heads and (gone := _race_labels(old) - _race_labels(new)):
        yield _("It does not know the race labels %(labels)s, which the present version does.") % {
            "labels": ", ".join(group_name({"race": label}) for label in sorted(gone))
        }


def _unmeasured(new: Metrics) -> list[str]:
    if any(new.get(figure) is not None for figure in MARGINS):
        return []
    return [_("It was not measured on held-back images, so nobody knows how well it does.")]


def _race_labels(manifest: Mapping[str, Any]) -> set[str]:
    return set(manifest.get("heads", {}).get("race", {}).get("labels", ()))


def _without_five_races(metrics: Metrics) -> Metrics:
    def without(figures: Metrics) -> dict[str, Any]:
        return {key: value for key, value in figures.items() if key != "race_accuracy"}

    return without(metrics) | {"groups": [without(group) for group in metrics.get("groups", ())]}


def _composition(metrics: Metrics) -> tuple[Any, ...]:
    """How many images of which group the figures come from."""
    groups = metrics.get("groups", ())
    return metrics.get("n"), sorted((_key(group), group["n"]) for group in groups)


def _key(group: Mapping[str, Any]) -> tuple[str, str, str]:
    return group["race"], group["gender"], group["age"]
