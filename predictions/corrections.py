"""Corrections: what the sender of a photo says a face's labels are.

A correction belongs to a face of a kept photo and goes with it. It is the sender's own unless they
consented to its use for training: then administrators see it and accept or reject it. What is
accepted can be added to datasets (`predictions.learning`), or exported as aligned
crops, named as UTKFace names them, with a table of their labels and senders, which
`import_dataset` takes. A crop needs age, gender and race; labels of other attributes go along. One
that the sender left out is not filled in: not by others, who were not asked, and not by the model,
which would learn what it believes already. Such a correction says how wrong the model is, and is
left out.
"""

import csv
import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from PIL import Image

from training.datasets import corrections as datasets
from vision.attributes import ATTRIBUTES, SHIPPED
from vision.data.labelled_files import LabelledFile
from vision.data.utkface import LabelOutOfRange, in_range
from vision.errors import PhotoError
from vision.inference.pipeline import align_again
from vision.photos.decoding import encode_jpeg
from vision.types import Box, Detection

from .models import Correction, Face, Photo, Review

logger = logging.getLogger(__name__)

CROP_SIDE = 200  # pixels, as UTKFace's
_CROP_QUALITY = 95
_CHUNK = 100  # corrections read from the database at a time
COMPLETE = Q(labels__has_keys=list(SHIPPED))
_OUR_NAME = re.compile(r"\d+_\d_\d_\d{17}_(\d+)\.jpg\.chip\.jpg")
_TABLE = "corrections.csv"


class PhotoGone(Exception):
    """The file of a correction's photo is gone or damaged."""


@dataclass(frozen=True)
class Export:
    """How many crops were written, and how many accepted corrections were not: those that leave
    out a label that a crop needs, and those whose photo cannot be read."""

    written: int
    incomplete: int
    unreadable: int


def correct(face: Face, labels: Mapping[str, int | None], *, consents: bool) -> Correction:
    """Keep what the sender says of a face; what was said, consented to and reviewed before is
    forgotten, and taken out of datasets.

    `labels`: by attribute; None for nothing said. Attributes that are not in it stay as they were.
    Raises Face.DoesNotExist where the face was deleted meanwhile, and LabelOutOfRange.
    """
    in_range({name: one for name, one in labels.items() if one is not None})
    with transaction.atomic():
        # Whoever deletes a prediction locks its photo first: its faces stay for as long as this.
        photo = Photo.objects.select_for_update().filter(pk=face.prediction.photo_id)
        list(photo.values_list("pk"))
        if former := Correction.objects.select_for_update().filter(face=face).first():
            withdraw([former])
        merged = {**(former.labels if former else {}), **labels}
        said = {"labels": {name: one for name, one in merged.items() if one is not None}}
        unreviewed: dict[str, Any] = {"review": Review.PENDING, "reviewed_by": None, "digest": ""}
        unreviewed |= {"reviewed_at": None, "consented_at": timezone.now() if consents else None}
        correction, _new = Correction.objects.update_or_create(
            face=Face.objects.get(pk=face.pk), defaults={**said, **unreviewed}
        )
    return correction


def take_back(face: Face) -> None:
    """Forget what the sender said of a face."""
    Correction.objects.filter(face=face).delete()


def withdraw(gone: Iterable[Correction]) -> None:
    """Take corrections out of datasets; to be called before they change or go."""
    rows = [one for one in gone if one.consented_at]  # nobody was given the others
    digests = [one.digest for one in rows if one.digest]
    datasets.withdraw([name_of(one) for one in rows], digests)


def review(chosen: QuerySet[Correction], verdict: Review, user: Any) -> int:
    """Record what an administrator makes of corrections; how many there are.

    What is not accepted any more is taken out of datasets.
    """
    with transaction.atomic():
        if verdict != Review.ACCEPTED:
            before = chosen.order_by("pk").filter(review=Review.ACCEPTED)
            withdraw(before.select_for_update(of=("self",)))
        return chosen.order_by().update(
            review=verdict, reviewed_by=user, reviewed_at=timezone.now()
        )


def offered() -> QuerySet[Correction]:
    """What others than its sender may see and learn from: corrections with consent."""
    return Correction.objects.filter(consented_at__isnull=False)


def usable() -> QuerySet[Correction]:
    """What may be learnt from: accepted corrections that have every label a crop needs."""
    return offered().filter(review=Review.ACCEPTED).filter(COMPLETE).order_by("pk")


def sender_of(photo: Photo) -> str:
    """A word for whoever sent a photo, the same for all of theirs; it tells nobody who that is."""
    who = f"account {photo.owner_id}" if photo.owner_id else f"visitor {photo.visitor}"
    return salted_hmac("predictions.corrections.sender", who).hexdigest()[:16]


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
    """Write a crop for every usable correction into a folder, and a table.

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
    total, files = usable().count(), []
    for done, file in enumerate(labelled_files(usable()), 1):
        if file.data:
            write(file.name, file.data)
            files.append(replace(file, data=b""))
        on_progress(done, total)
    write(_TABLE, _table(files).encode())
    incomplete = offered().filter(~COMPLETE, review=Review.ACCEPTED).count()
    return Export(len(files), incomplete, total - len(files))


def _table(files: Iterable[LabelledFile]) -> str:
    """The labels and the sender of every crop: by its sender an import knows a correction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *ATTRIBUTES, "sender"])
    for file in files:
        if labels := file.labels:
            writer.writerow(
                [file.name, *(labels.get(name, "") for name in ATTRIBUTES), file.sender]
            )
    return text.getvalue()


def labelled_files(corrections: QuerySet[Correction]) -> Iterator[LabelledFile]:
    """Usable corrections as crops with labels; without data where the photo cannot be read."""
    keys = list(corrections.values_list("pk", flat=True))
    rows = Correction.objects.select_related("face__prediction__photo").order_by("pk")
    for start in range(0, len(keys), _CHUNK):
        for correction in rows.filter(pk__in=keys[start : start + _CHUNK]):
            yield _labelled(correction)


def _labelled(correction: Correction) -> LabelledFile:
    try:
        in_range(correction.labels)  # it may have been kept by a version that let it be
        data = crop_of(correction)
    except (PhotoGone, LabelOutOfRange) as error:
        logger.warning("Correction %s cannot be learnt from: %s", correction.pk, error)
        data = b""
    sender = sender_of(correction.face.prediction.photo)
    return LabelledFile(name_of(correction), data, correction.labels, sender=sender)


def name_of(correction: Correction) -> str:
    """What a correction with consent is called in datasets as it is now, and no other:

    `[age]_[gender]_[race]_[timestamp]_[number].jpg.chip.jpg`, the timestamp in milliseconds."""
    moment = correction.consented_at
    if moment is None:
        raise ValueError(correction.pk)
    stamp = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"
    labels = "_".join(str(correction.labels.get(name)) for name in SHIPPED)
    return f"{labels}_{stamp}_{correction.pk}.jpg.chip.jpg"


def key_of(name: str) -> int:
    """The correction that a name of `name_of` is of; 0 for any other name."""
    match = _OUR_NAME.fullmatch(name)
    return int(match[1]) if match else 0
