"""What senders should know: why a photo was refused or a prediction failed, and warnings.

Rows store codes, for programs, and parameters; whoever shows them makes the sentence.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from django.utils import translation

from vision.crops import quality
from vision.errors import PHOTO_ERRORS, PhotoTooLarge, PhotoTypeUnsupported
from vision.messages import TEMPLATES as OF_VISION
from vision.messages import Message, Templates
from vision.messages import in_words as words_of
from vision.photos.decoding import CUT_SHORT
from vision.photos.formats import FORMATS


class FailureCode(StrEnum):
    """What ends a prediction besides what is wrong with its photo.

    A missing or broken model is not among them: it is not the photo's fault, so the photo waits.
    """

    STORAGE_ERROR = "storage_error"
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"
    BATCH_CANCELLED = "batch_cancelled"


FAILURE_CODES: list[str] = [*PHOTO_ERRORS, *FailureCode]
"""Every kind of `Prediction.failure_code`."""


class WarningCode(StrEnum):
    """Every code in `Photo.warnings`. A photo is taken in spite of them."""

    PHOTO_CUT_SHORT = CUT_SHORT


class FaceWarningCode(StrEnum):
    """Every code in the `warnings` of a face's quality. With `too_…` nothing is estimated."""

    TOO_SMALL = quality.TOO_SMALL
    TOO_BLURRED = quality.TOO_BLURRED
    TOO_DARK = quality.TOO_DARK
    TOO_BRIGHT = quality.TOO_BRIGHT
    SMALL = quality.SMALL
    BLURRED = quality.BLURRED
    DARK = quality.DARK
    OVEREXPOSED = quality.OVEREXPOSED
    TURNED = quality.TURNED
    CUT = quality.CUT


OWN: Templates = {
    FailureCode.STORAGE_ERROR: "The stored photo could not be read. Please send it again.",
    FailureCode.WORKER_LOST: (
        "Processing this photo was interrupted twice, so we stopped trying. You can run it again."
    ),
    FailureCode.INTERNAL_ERROR: (
        "Something went wrong on our side twice, so we stopped trying. You can run it again."
    ),
    FailureCode.BATCH_CANCELLED: "Not estimated, because its batch was cancelled.",
    "batch_full": (
        "This batch has %(limit)d photos, the most that one may have. Please send the others as "
        "another batch."
    ),
    "batch_closed": (
        "This batch was cancelled, so it takes no more photos. Please send them as another batch."
    ),
    "archive_refused.too_many_at_once": (
        "Several large zip files of yours are on their way already. Please send this one when "
        "they are unpacked."
    ),
    "archive_too_large": "A zip file may have at most %(limit)s. Please divide it.",
    "archive_closed": (
        "This zip file was cancelled or left half sent for a day. Please send it again."
    ),
    "archive_piece_misplaced": (
        "This piece does not follow what has arrived. The next one begins at byte %(received)d."
    ),
    "archive_unusable.damaged": (
        "This is not a zip file, or it is damaged. Please make it again and send it once more."
    ),
    "archive_unusable.empty": "There are no files in this zip file.",
    "archive_unusable.too_many_files": (
        "There are more files in this zip file than a batch may have photos. Please divide it."
    ),
    "archive_unusable.too_many_photos": (
        "There are %(files)d files in this zip file, and this batch has room for %(room)d more. "
        "Please divide it."
    ),
    "archive_waits.quota": (
        "%(limit)d photos were sent within an hour, the most one sender may. Unpacking goes on by "
        "itself."
    ),
    "archive_waits.storage": (
        "Photos cannot be stored at the moment. Unpacking goes on by itself."
    ),
    "archive_entry.path": (
        "This name leads out of the zip file, so the file was not read. Please rename it."
    ),
    "archive_entry.encrypted": (
        "This file is protected by a password. Please make the zip file without one."
    ),
    "archive_entry.nested": (
        "This is an archive within the zip file. Please unpack it first, or send it by itself."
    ),
    "archive_entry.method": (
        "This file is compressed in a way that is not read here. Please make the zip file with "
        "the usual method (Deflate)."
    ),
    "archive_entry.bomb": (
        "This file grows far more than a photo does when it is unpacked, so it was not read."
    ),
    "archive_entry.damaged": "This file is damaged in the zip file. Please send it again.",
    "archive_entry.interrupted": (
        "Reading this file was interrupted twice, so it was left out. Please send it by itself."
    ),
    "batch_gone": "This batch was deleted, so nothing was kept.",
    "accepted_size": "what is accepted here, in bytes or in pixels",
    "storage_unavailable": "The photo could not be stored. Please try again in a few minutes.",
    "storage_unavailable.reading": (
        "The photo cannot be loaded right now. Please try again in a few minutes."
    ),
    "photos_full": (
        "The photos that are stored here take up all the space they may, so no more can be sent "
        "at the moment. Please try again later, or delete photos that you no longer need."
    ),
    "decoding_unavailable": (
        "Photos cannot be opened at the moment. Please try again in a few minutes."
    ),
    "account_gone": "This account was deleted meanwhile, so nothing was kept.",
    "idempotency_key_reused": (
        "This Idempotency-Key was sent with another photo before. Please use a new one."
    ),
    "already_deleted": "This photo was taken before, and has been deleted since.",
    "quota_exceeded": (
        "You have sent %(limit)d photos within an hour, the most one sender may. "
        "Please try again in %(minutes)d minutes."
    ),
    WarningCode.PHOTO_CUT_SHORT: (
        "The file was cut short, and a little of the photo is missing. If you can, send it again."
    ),
    "nothing_active": "No model version is active.",
    "version_not_loaded": "Model version “%(name)s” cannot be loaded: %(reason)s",
    "other_version_serves": (
        "Model version “%(name)s” cannot be loaded, so “%(instead)s” serves instead: %(reason)s"
    ),
    "told_by_log": "The worker's log says why.",
    FaceWarningCode.TOO_SMALL: (
        "Too small to tell: the face has too few pixels. A photo taken from nearer may help."
    ),
    FaceWarningCode.TOO_BLURRED: (
        "Too blurred to tell: the face shows no detail. A sharper photo may help."
    ),
    FaceWarningCode.TOO_DARK: (
        "Too dark to tell: the face is nearly black. A brighter photo may help."
    ),
    FaceWarningCode.TOO_BRIGHT: (
        "Too bright to tell: most of the face is white. A photo with less light may help."
    ),
    FaceWarningCode.SMALL: "The face is small, so the estimates are less certain.",
    FaceWarningCode.BLURRED: "The face is blurred, so the estimates are less certain.",
    FaceWarningCode.DARK: "The face is very dark, so the estimates are less certain.",
    FaceWarningCode.OVEREXPOSED: (
        "A part of the face is overexposed, so the estimates are less certain."
    ),
    FaceWarningCode.TURNED: "The head is turned to the side, so the estimates are less certain.",
    FaceWarningCode.CUT: (
        "The photo shows only a part of the face, so the estimates are less certain."
    ),
}
TEMPLATES: Templates = {**OF_VISION, **OWN}
"""Every code that senders are told something with."""

# What failed before parameters were stored says as much as is known of it.
_OF_BEFORE: Mapping[str, Mapping[str, Any]] = {
    PhotoTypeUnsupported.code: {"formats": [each.name for each in FORMATS.values()]},
    PhotoTooLarge.code: {"limit": Message("accepted_size").as_json()},
}


def in_words(message: Message) -> str:
    """The sentence of a message, in the language of whoever reads. Raises LookupError."""
    return words_of(message, TEMPLATES, translation)


def kind_of(code: str) -> str:
    """The code of a failure without the word behind its dot, which only tells sentences apart."""
    return code.partition(".")[0]


def explain(code: str, parameters: Mapping[str, Any] | None = None) -> str:
    """The sentence, in the reader's language, for a `Prediction.failure_code` and what is stored
    beside it."""
    known = code if code in TEMPLATES else FailureCode.INTERNAL_ERROR
    told = parameters or _OF_BEFORE.get(known, {})
    return in_words(Message.from_json({"code": known, "parameters": told}))


def explained(codes: Iterable[str], known: type[StrEnum] = WarningCode) -> list[dict[str, str]]:
    """Each code with its sentence, in the reader's language; unknown codes are left out."""
    return [
        {"code": code, "message": in_words(Message(code))} for code in codes if code in list(known)
    ]


def explained_quality(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The quality of a face, its warnings with their sentences; None of a face from before."""
    if stored is None:
        return None
    return {**stored, "warnings": explained(stored["warnings"], FaceWarningCode)}
