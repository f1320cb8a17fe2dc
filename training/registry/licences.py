"""The licences of model versions in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


def licence_in_words(manifest: Mapping[str, Any]) -> str:
    """That of a bundle; those that bundles of FaceRoute's own have, in the reader's language.
    Empty where it says none."""
    known = {
        "Non-commercial research only, as UTKFace is.": _(
            "Non-commercial research only, as UTKFace is."
        ),
        "As its images allow; with UTKFace's, non-commercial research only.": _(
            "As its images allow; with UTKFace's, non-commercial research only."
        ),
        "Non-commercial research only, as VGGFace's weights are.": _(
            "Non-commercial research only, as VGGFace's weights are."
        ),
    }
    told = str(manifest.get("licence") or "")
    return known.get(told, told)
