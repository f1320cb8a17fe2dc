"""What an estimate is worth: how often the version that made it is right where it says the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.attribute_names import label_title, name_in_words
from training.models import ModelVersion
from training.registry.by_estimate import EstimateGroups, groups_by_estimate
from vision.attributes import AGE, SHIPPED, age_bin
from vision.evaluation.by_estimate import figure_of, smallest_around

from .models import Face


@dataclass(frozen=True)
class Worth:
    """How a version did in its test, by what it estimated; `tested` is None where it sat none."""

    tested: EstimateGroups | None

    def group(self, face: Face, attribute: str) -> Mapping[str, Any] | None:
        """The images of the test that tell what the estimate of an attribute of a face is worth: a
        group of `vision.evaluation.by_estimate`. None where nothing tells."""
        groups = self.tested.groups if self.tested else ()
        return smallest_around(groups, estimated_labels(face), attribute)

    def of(self, face: Face, attribute: str) -> str:
        """What the estimate of an attribute of a face is worth, in one or two sentences."""
        if self.tested is None:
            return _("This version was not tested on labelled images, so this is not known.")
        group = self.group(face, attribute)
        if group is None:
            return _("This version was tested on too few images to tell.")
        found = group["figures"][figure_of(attribute)]
        who = {name: group[name] for name in SHIPPED if name in group}
        return f"{_whose(who, found['n'])} {_figure(attribute, found)}"


def worth_by(version: ModelVersion | None) -> Worth:
    """That of the estimates of a version, which may be gone."""
    return Worth(groups_by_estimate(version) if version else None)


def estimated_labels(face: Face) -> dict[str, str]:
    """What was said of a face: the decade of its age and its labels, of heads switched on."""
    said = {name: face.estimate(name) for name in SHIPPED}
    return {name: _label(name, estimate) for name, estimate in said.items() if estimate}


def _label(name: str, estimate: dict[str, Any]) -> str:
    label: str = age_bin(estimate["years"]) if name == AGE.name else estimate["label"]
    return label


def _whose(group: dict[str, str], count: int) -> str:
    if not group:
        return ngettext(
            "This version was tested on %(count)d labelled image.",
            "This version was tested on %(count)d labelled images.",
            count,
        ) % {"count": count}
    words = [_years(one) if name == AGE.name else label_title(name, one)
             for name, one in group.items()]  # fmt: skip
    return ngettext(
        "In its test this version gave %(count)d image the same estimate: %(group)s.",
        "In its test this version gave %(count)d images the same estimate: %(group)s.",
        count,
    ) % {"count": count, "group": ", ".join(words)}


def _years(decade: str) -> str:
    return _("%(ages)s years") % {"ages": decade.replace("-", "–")}


def _figure(attribute: str, found: dict[str, Any]) -> str:
    low, high = found["interval"]
    if attribute == AGE.name:
        return _(
            "Their ages were off by %(value).1f years on average (likely between %(low).1f and "
            "%(high).1f)."
        ) % {"value": found["value"], "low": low, "high": high}
    return _(
        "The %(attribute)s was right for %(share)d%% of all of these, however probable it was "
        "estimated to be (likely between %(low)d%% and %(high)d%%)."
    ) % {
        "attribute": name_in_words(attribute),
        "share": round(100 * found["value"]),
        "low": round(100 * low),
        "high": round(100 * high),
    }
