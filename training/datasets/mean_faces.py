"""The mean face of each race × gender: what the crops of a group have in common."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from django.conf import settings
from PIL import Image as Pillow

from training.models import Dataset
from vision.attributes import GENDER, RACE
from vision.errors import PhotoError
from vision.photos.decoding import decode_upright, encode_jpeg

from . import example_files

SIDE = 160  # pixels
MOST = 200  # images a group; more change nothing that can be seen
_PAIRS = list(product(range(len(RACE.labels)), range(len(GENDER.labels))))


def groups(dataset: Dataset) -> list[tuple[int, int]]:
    """The race and the gender of each group that has a mean face."""
    return [pair for pair in _PAIRS if path_of(dataset, *pair).is_file()]


def path_of(dataset: Dataset, race: int, gender: int) -> Path:
    """The JPEG of a group's mean face, whether it is there or not."""
    return _folder_of(dataset.pk) / f"{race}-{gender}.jpg"


def forget(key: int) -> None:
    """Delete the mean faces of a dataset that is gone, by its key: another may get that."""
    shutil.rmtree(_folder_of(key), ignore_errors=True)


def _folder_of(key: int) -> Path:
    root: Path = settings.DATASET_ROOT
    return root / "mean-faces" / str(key)


def draw_all(dataset: Dataset, on_progress: Callable[[str, int, int], None]) -> None:
    """Draw every group's mean face anew, of up to `MOST` of its images in the order of digests.

    Corrections are not in them: they may be withdrawn.
    """
    for done, (race, gender) in enumerate(_PAIRS):
        on_progress("mean faces", done, len(_PAIRS))
        used = dataset.samples.filter(reason="", sender="", race=race, gender=gender)
        used = used.order_by("digest")
        _draw(list(used.values_list("digest", flat=True)[:MOST]), path_of(dataset, race, gender))


def _draw(digests: list[str], target: Path) -> None:
    total = np.zeros((SIDE, SIDE, 3))
    count = 0
    for digest in digests:
        try:
            pixels, _ = decode_upright(example_files.path_of(digest).read_bytes(), least_side=SIDE)
        except (OSError, PhotoError):
            continue
        total += np.asarray(Pillow.fromarray(pixels).resize((SIDE, SIDE)))
        count += 1
    if not count:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(encode_jpeg(Pillow.fromarray((total / count).astype(np.uint8))))
    unfinished.replace(target)
