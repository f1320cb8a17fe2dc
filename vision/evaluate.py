"""How well a model does on labelled, aligned crops."""

import io
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from .dataset import Labels, NameRefused, parse_name
from .labels import GENDERS, RACES, age_bin
from .types import FaceAttributes, Image

_BATCH = 64
_CLASSIC_RACES = RACES[:3]


class Predictor(Protocol):
    """What is evaluated: an `Engine`."""

    input_size: int

    def predict(self, crops: NDArray[np.uint8]) -> list[FaceAttributes]: ...


@dataclass(frozen=True)
class Crop:
    """One labelled crop, resized to the model's input: uint8 (S, S, 3) RGB."""

    labels: Labels
    pixels: Image


def read_crop(data: bytes, size: int) -> Image:
    """The whole image at `size` × `size`, bilinear with antialiasing, as the training resized it.

    Raises OSError where the image is broken.
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            small = image.convert("RGB").resize((size, size), Pillow.Resampling.BILINEAR)
    except (ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise OSError("The image is damaged.") from error
    return np.asarray(small)


def evaluate(
    engine: Predictor,
    files: Iterable[tuple[str, bytes]],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score an engine on UTKFace-named crops, taken as they are: no detection, no alignment.

    Files without usable labels or pixels are counted in `skipped`, by reason. Accuracies are
    shares in 0..1, ages in years; a figure no crop or no head speaks to is None. `groups` holds
    the figures of every race × gender × decade that occurs, with its count. `on_progress` is told
    how many crops each batch held.
    """
    started = time.monotonic()
    skipped: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for batch in _batches(files, engine.input_size, skipped):
        found = engine.predict(np.stack([crop.pixels for crop in batch]))
        rows += [_row(crop.labels, face) for crop, face in zip(batch, found, strict=True)]
        if on_progress:
            on_progress(len(batch))
    return {
        "n": len(rows),
        **summarise(rows),
        "groups": _groups(rows),
        "skipped": dict(skipped),
        "seconds": round(time.monotonic() - started, 2),
    }


def _batches(
    files: Iterable[tuple[str, bytes]], size: int, skipped: Counter[str]
) -> Iterator[list[Crop]]:
    """Crops in batches; the next batch is decoded while the network works on this one."""

    def read(file: tuple[str, bytes]) -> Crop | str:
        name, data = file
        try:
            return Crop(parse_name(name), read_crop(data, size))
        except NameRefused as refused:
            return refused.code
        except OSError:
            return "unreadable"

    remaining = iter(files)
    with ThreadPoolExecutor(max_workers=2) as pool:
        ahead = [pool.submit(read, file) for file in islice(remaining, _BATCH)]
        while ahead:
            current = ahead
            ahead = [pool.submit(read, file) for file in islice(remaining, _BATCH)]
            results = [future.result() for future in current]
            skipped.update(result for result in results if isinstance(result, str))
            if crops := [result for result in results if isinstance(result, Crop)]:
                yield crops


def _row(labels: Labels, face: FaceAttributes) -> dict[str, Any]:
    """One crop's truth and errors; None where a head is absent."""
    row: dict[str, Any] = {
        "group": (RACES[labels.race], GENDERS[labels.gender], age_bin(labels.age)),
        "error": None,
        "covered": None,
        "gender": None,
        "race": None,
        "race3": None,
    }
    if face.age is not None:
        row["error"] = face.age.years - labels.age
        if face.age.low is not None and face.age.high is not None:
            row["covered"] = face.age.low <= labels.age <= face.age.high
    if face.gender is not None:
        row["gender"] = face.gender.label == GENDERS[labels.gender]
    if face.race is not None:
        row["race"] = face.race.label == RACES[labels.race]
        if labels.race < len(_CLASSIC_RACES):
            of_three = face.race.probabilities
            best = max(_CLASSIC_RACES, key=lambda label: of_three.get(label, 0.0))
            row["race3"] = best == RACES[labels.race]
    return row


def summarise(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """The figures of section headings: errors in years, shares in 0..1, None where unknown."""
    errors = np.array([row["error"] for row in rows if row["error"] is not None])
    mse = float(np.mean(errors**2)) if errors.size else None
    return {
        "age_mae": _rounded(float(np.mean(np.abs(errors))) if errors.size else None),
        "age_mse": _rounded(mse),
        "age_rmse": _rounded(mse**0.5 if mse is not None else None),
        "gender_accuracy": _share(rows, "gender"),
        "race_accuracy": _share(rows, "race"),
        "race3_accuracy": _share(rows, "race3"),
        "age_interval_coverage": _share(rows, "covered"),
    }


def _groups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    members: defaultdict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        members[row["group"]].append(row)
    return [
        {"race": race, "gender": gender, "age": age, "n": len(group), **summarise(group)}
        for (race, gender, age), group in sorted(members.items())
    ]


def _share(rows: list[dict[str, Any]], key: str) -> float | None:
    known = [row[key] for row in rows if row[key] is not None]
    return _rounded(sum(known) / len(known) if known else None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
