"""What senders should know of a photo: a code for programs and a sentence for people."""

from collections.abc import Iterable

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from vision.photos import CUT_SHORT


class WarningCode(TextChoices):
    """Every code in `Photo.warnings`. A photo is taken in spite of them."""

    PHOTO_CUT_SHORT = (
        CUT_SHORT,
        _(
            "The file was cut short, and a little of the photo is missing. "
            "If you can, send it again."
        ),
    )


def explained(codes: Iterable[str]) -> list[dict[str, str]]:
    """Each code with its sentence, in the reader's language; unknown codes are left out."""
    return [
        {"code": code, "message": str(WarningCode(code).label)}
        for code in codes
        if code in WarningCode.values
    ]
