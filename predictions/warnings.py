"""What senders should know of a photo or a face: a code for programs and a sentence for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from vision.crops import quality
from vision.photos.decoding import CUT_SHORT


class WarningCode(TextChoices):
    """Every code in `Photo.warnings`. A photo is taken in spite of them."""

    PHOTO_CUT_SHORT = (
        CUT_SHORT,
        _(
            "The file was cut short, and a little of the photo is missing. "
            "If you can, send it again."
        ),
    )


class FaceWarningCode(TextChoices):
    """Every code in the `warnings` of a face's quality. With `too_…` nothing is estimated."""

    TOO_SMALL = (
        quality.TOO_SMALL,
        _("Too small to tell: the face has too few pixels. A photo taken from nearer may help."),
    )
    TOO_BLURRED = (
        quality.TOO_BLURRED,
        _("Too blurred to tell: the face shows no detail. A sharper photo may help."),
    )
    TOO_DARK = (
        quality.TOO_DARK,
        _("Too dark to tell: the face is nearly black. A brighter photo may help."),
    )
    TOO_BRIGHT = (
        quality.TOO_BRIGHT,
        _("Too bright to tell: most of the face is white. A photo with less light may help."),
    )
    SMALL = quality.SMALL, _("The face is small, so the estimates are less sure.")
    BLURRED = quality.BLURRED, _("The face is blurred, so the estimates are less sure.")
    DARK = quality.DARK, _("The face is very dark, so the estimates are less sure.")
    OVEREXPOSED = (
        quality.OVEREXPOSED,
        _("A part of the face is overexposed, so the estimates are less sure."),
    )
    TURNED = quality.TURNED, _("The head is turned to the side, so the estimates are less sure.")
    CUT = quality.CUT, _("The photo shows only a part of the face, so the estimates are less sure.")


def explained(codes: Iterable[str], known: type[TextChoices] = WarningCode) -> list[dict[str, str]]:
    """Each code with its sentence, in the reader's language; unknown codes are left out."""
    return [
        {"code": code, "message": str(known(code).label)} for code in codes if code in known.values
    ]


def explained_quality(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The quality of a face, its warnings with their sentences; None of a face from before."""
    if stored is None:
        return None
    return {**stored, "warnings": explained(stored["warnings"], FaceWarningCode)}
