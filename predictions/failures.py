"""Why a prediction failed: a code for programs and a sentence for people."""

from django.db.models import TextChoices
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from vision.photos.formats import FORMAT_NAMES


class FailureCode(TextChoices):
    """Every `Prediction.failure_code`; those that begin with `photo` are of `vision.errors`.

    A missing or broken model is not among them: it is not the photo's fault, so the photo waits.
    """

    PHOTO_UNUSABLE = (
        "photo_unusable",
        _("This photo could not be used. Please send another one."),
    )
    PHOTO_TYPE_UNSUPPORTED = (
        "photo_type_unsupported",
        format_lazy(
            _("This kind of picture cannot be read. Please send one of these: {formats}."),
            formats=FORMAT_NAMES,
        ),
    )
    PHOTO_UNREADABLE = (
        "photo_unreadable",
        _("The photo is damaged and could not be read. Please send it again."),
    )
    PHOTO_TOO_LARGE = (
        "photo_too_large",
        _("The photo is too large, in bytes or in pixels. Please send a smaller version."),
    )
    STORAGE_ERROR = (
        "storage_error",
        _("The stored photo could not be read. Please send it again."),
    )
    WORKER_LOST = (
        "worker_lost",
        _("Working on this photo was cut off twice, so we stopped trying. You may run it again."),
    )
    INTERNAL_ERROR = (
        "internal_error",
        _("Something went wrong on our side twice, so we stopped trying. You may run it again."),
    )


def explain(code: str) -> str:
    """The sentence, in the reader's language, for a `Prediction.failure_code`."""
    known = code if code in FailureCode.values else FailureCode.INTERNAL_ERROR
    return str(FailureCode(known).label)
