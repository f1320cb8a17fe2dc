"""What edits of a photo do to a version's estimates, in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from training.registry.figures import Comparison, as_text, short_metric_names


def edits_table(report: Mapping[str, Any]) -> Comparison | None:
    """A report's `edits`: a row each, with how far every figure moves. None where it has none."""
    edits = report.get("edits")
    if not edits:
        return None
    changes = edits["changes"]
    known = {figure for moved in changes.values() for figure in moved} - {"race3_accuracy"}
    named = short_metric_names()
    others = [figure for figure in named if figure in known - {"age_bias"}]
    columns = {"age_bias": _("Mean age"), **{figure: named[figure] for figure in others}}
    names = _names()
    rows = tuple(
        (names.get(edit, edit), *(as_text(moved[figure], signed=True) for figure in columns))
        for edit, moved in changes.items()
    )
    return Comparison((_("Edit"), *columns.values()), rows)


def _names() -> dict[str, str]:
    return {
        "blur_1": _("Blurred by 1 px of 200"),
        "blur_2": _("Blurred by 2 px of 200"),
        "sharpened": _("Sharpened mildly"),
        "noise_8": _("Noise of 8 levels of 255"),
        "jpeg_30": _("JPEG of quality 30"),
        "reduced_64": _("Reduced to 64 px of 200 and enlarged again"),
        "darkened_4": _("Darkened to a quarter"),
    }
