"""Corrections: what the sender of a photo says a face's labels are, given to be learnt from.

A correction belongs to a face of a kept photo and goes with it. Administrators accept or reject
it; what is accepted is exported as aligned crops, named as UTKFace names them, which
`import_dataset` takes. A crop needs all three labels. One that the sender left out is not filled
in: not by others, who were not asked, and not by the model, which would learn what it believes
already. Such a correction says how wrong the model is, and is left out of the export.
"""

import logging
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from PIL import Image

from vision.errors import PhotoError
from vision.photos import encode_jpeg
from vision.pipeline import align_again
from vision.types import Box, Detection

from .models import Correction, Face, Photo, Review

logger = logging.getLogger(__name__)

CROP_SIDE = 200  # pixels, as UTKFace's
_CROP_QUALITY = 95
INCOMPLETE = Q(age=None) | Q(gender=None) | Q(race=None)
_OUR_NAME = re.compile(r"\d+_\d_\d_\d{17}_\d+\.jpg\.chip\.jpg")


class PhotoGone(Exception):
    """The file of a correction's photo is gone or damaged."""


@dataclass(frozen=True)
class Export:
    """How many crops were written, and how many accepted corrections were not: those that leave
    a label out, and those whose photo cannot be read."""

    written: int
    incomplete: int
    unreadable: int


def correct(face: Face, labels: Mapping[str, int | None]) -> Correction:
    """Keep what the sender says of a face; what was said and reviewed before is forgotten.

    `labels`: numbers as in UTKFace's names, by head; None for nothing said. Heads that are not
    in it stay as they were. Raises Face.DoesNotExist where the face was deleted meanwhile.
    """
    with transaction.atomic():
        # Whoever deletes a prediction locks its photo first: its faces stay for as long as this.
        photo = Photo.objects.select_for_update().filter(pk=face.prediction.photo_id)
        list(photo.values_list("pk"))
        said = {**labels, "consented_at": timezone.now()}
        unreviewed = {"review": Review.PENDING, "reviewed_by": None, "reviewed_at": None}
        correction, _new = Correction.objects.update_or_create(
            face=Face.objects.get(pk=face.pk), defaults={**said, **unreviewed}
        )
    return correction


def take_back(face: Face) -> None:
    """Forget what the sender said of a face."""
    Correction.objects.filter(face=face).delete()


def review(chosen: QuerySet[Correction], verdict: Review, user: Any) -> int:
    """Record what an administrator makes of corrections; how many there are."""
    return chosen.order_by().update(review=verdict, reviewed_by=user, reviewed_at=timezone.now())


def crop_of(correction: Correction) -> bytes:
    """The corrected face as a JPEG of CROP_SIDE pixels, framed as the network sees faces.

    Raises PhotoGone.
    """
    face = correction.face
    detection = Detection(
        Box(face.x, face.y, face.width, face.height),
        face.detection_confidence,
        np.array(face.landmarks, np.float32),
    )
    try:
        with face.prediction.photo.image.open("rb") as file:
            pixels = align_again(file.read(), detection, CROP_SIDE)
    except (FileNotFoundError, PhotoError) as error:
        raise PhotoGone(str(error)) from error
    return encode_jpeg(Image.fromarray(pixels), quality=_CROP_QUALITY)


def export_to_folder(
    folder: Path, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Export:
    """Write a crop for every accepted correction that has all labels into a folder.

    The folder then holds what is accepted now: crops of an earlier export whose correction was
    changed or taken back are deleted from it, other files are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stale = {file.name for file in folder.iterdir() if _OUR_NAME.fullmatch(file.name)}

    def write(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)
        stale.discard(name)

    export = _export(write, on_progress)
    for name in stale:
        (folder / name).unlink()
    return export


def export_to_zip(file: IO[bytes]) -> Export:
    """Write what `export_to_folder` would into a zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        return _export(archive.writestr, lambda *_: None)


def _export(write: Callable[[str, bytes], None], on_progress: Callable[[int, int], None]) -> Export:
    accepted = Correction.objects.filter(review=Review.ACCEPTED)
    complete = accepted.exclude(INCOMPLETE).select_related("face__prediction__photo")
    total, written = complete.count(), 0
    for done, (name, data) in enumerate(_crops(complete.order_by("pk").iterator(100)), 1):
        if data:
            write(name, data)
            written += 1
        on_progress(done, total)
    return Export(written, accepted.filter(INCOMPLETE).count(), total - written)


def _crops(corrections: Iterable[Correction]) -> Iterator[tuple[str, bytes]]:
    """The name and the crop of each; no crop where the photo cannot be read."""
    for correction in corrections:
        try:
            yield _name(correction), crop_of(correction)
        except PhotoGone as error:
            logger.warning("Correction %s is not exported: %s", correction.pk, error)
            yield _name(correction), b""


def _name(correction: Correction) -> str:
    """`[age]_[gender]_[race]_[timestamp]_[number].jpg.chip.jpg`, the timestamp in milliseconds."""
    moment = correction.consented_at
    stamp = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"
    labels = f"{correction.age}_{correction.gender}_{correction.race}"
    return f"{labels}_{stamp}_{correction.pk}.jpg.chip.jpg"
