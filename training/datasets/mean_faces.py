"""The mean face of each race × gender: what the crops of a group have in common."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
from django.conf import settings
from PIL import Image as Pillow

from training import shared_files
from training.models import Dataset
from training.shared_files import FileLost, StorageSilent
from vision.attributes import GENDER, RACE
from vision.errors import PhotoError
from vision.photos.decoding import decode_upright, encode_jpeg

from . import stored_contents

logger = logging.getLogger(__name__)

SIDE = 160  # pixels
MOST = 200  # images a group; more change nothing that can be seen
_PAIRS = list(product(range(len(RACE.labels)), range(len(GENDER.labels))))


def groups(dataset: Dataset) -> list[tuple[int, int]]:
    """The race and the gender of each group that has a mean face. Raises StorageSilent."""
    names = {path.name for path in folder_of(dataset.pk).glob("*.jpg")}
    if shared_files.are_elsewhere():
        names |= set(shared_files.names(_place(dataset.pk)))
    return [pair for pair in _PAIRS if _name(*pair) in names]


def read(dataset: Dataset, race: int, gender: int) -> bytes:
    """The JPEG of a group's mean face. Raises OSError where there is none, and StorageSilent."""
    name = _name(race, gender)
    if shared_files.are_elsewhere():
        with suppress(FileLost):
            return shared_files.read_named(f"{_place(dataset.pk)}/{name}")
    return (folder_of(dataset.pk) / name).read_bytes()


def forget(key: int) -> None:
    """Delete the mean faces of a dataset that is gone, by its key: another may get that."""
    shutil.rmtree(folder_of(key), ignore_errors=True)
    if shared_files.are_elsewhere():
        try:
            for name in shared_files.names(_place(key)):
                shared_files.delete(_place(key), name)
        except StorageSilent as error:
            logger.warning("Mean faces of a deleted dataset stay: %s", error.__cause__)


def folder_of(key: int) -> Path:
    """Where the mean faces of a dataset lie, unless the storage has them."""
    root: Path = settings.DATASET_ROOT
    return root / "mean-faces" / str(key)


def _place(key: int) -> str:
    return f"mean-faces/{key}"


def _name(race: int, gender: int) -> str:
    return f"{race}-{gender}.jpg"


def draw_all(dataset: Dataset, on_progress: Callable[[str, int, int], None]) -> None:
    """Draw every group's mean face anew, of up to `MOST` of its images in the order of digests.

    Corrections are not in them: they may be withdrawn. Where the storage is away those of before
    stay: they illustrate.
    """
    try:
        for done, (race, gender) in enumerate(_PAIRS):
            on_progress("mean faces", done, len(_PAIRS))
            used = dataset.samples.filter(reason="", sender="", race=race, gender=gender)
            used = used.order_by("digest")
            jpeg = _drawn(list(used.values_list("digest", flat=True)[:MOST]))
            _keep(dataset.pk, _name(race, gender), jpeg)
    except StorageSilent as error:
        logger.warning("Mean faces are not drawn anew: %s", error.__cause__)


def _drawn(digests: list[str]) -> bytes:
    """A mean face as a JPEG; empty where no image can be read."""
    total = np.zeros((SIDE, SIDE, 3))
    count = 0
    for digest in digests:
        try:
            pixels, _ = decode_upright(stored_contents.read(digest), least_side=SIDE)
        except (OSError, PhotoError):
            continue
        total += np.asarray(Pillow.fromarray(pixels).resize((SIDE, SIDE)))
        count += 1
    return encode_jpeg(Pillow.fromarray((total / count).astype(np.uint8))) if count else b""


def _keep(key: int, name: str, jpeg: bytes) -> None:
    """Keep a mean face in the place of the one before; empty, none."""
    target = folder_of(key) / name
    is_elsewhere = shared_files.are_elsewhere()
    if is_elsewhere:
        if jpeg:
            shared_files.replace(f"{_place(key)}/{name}", jpeg)
        else:
            shared_files.delete(_place(key), name)
    if is_elsewhere or not jpeg:  # what is there is of before there was a storage
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(jpeg)
    unfinished.replace(target)
