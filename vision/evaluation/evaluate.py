"""How well a model does on labelled, aligned crops."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vision.attributes import Labels
from vision.data.crop_files import read_crop
from vision.data.labelled_files import LabelledFile
from vision.types import FaceAttributes, Image

from .scores import Scores, collect, figures, groups

_BATCH = 64


class Predictor(Protocol):
    """What is evaluated: an `Engine`."""

    input_size: int

    def predict(self, crops: NDArray[np.uint8]) -> list[FaceAttributes]: ...


@dataclass(frozen=True)
class Crop:
    """One labelled crop, resized to the model's input: uint8 (S, S, 3) RGB."""

    name: str
    labels: Labels
    pixels: Image


@dataclass(frozen=True)
class Evaluation:
    """What an engine said of every usable crop, how many were skipped for which reason, and the
    seconds it took. `said` has it by the crops' names, whatever their labels are."""

    scores: Scores
    said: dict[str, FaceAttributes]
    skipped: dict[str, int]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The document of `evaluate`."""
        return {
            "n": len(self.scores),
            **figures(self.scores),
            "groups": groups(self.scores),
            "skipped": self.skipped,
            "seconds": round(self.seconds, 2),
        }


def evaluate(
    engine: Predictor,
    files: Iterable[LabelledFile],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score an engine on labelled crops, taken as they are: no detection, no alignment.

    Files without usable labels or pixels are counted in `skipped`, by reason. Accuracies are
    shares in 0..1, ages in years; a figure no crop or no head speaks to is None. `groups` holds
    the figures of every race × gender × decade that occurs, with its count. `on_progress` is told
    how many crops each batch held.
    """
    return score(engine, files, on_progress=on_progress).as_json()


def score(
    engine: Predictor,
    files: Iterable[LabelledFile],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """What `evaluate` computes its figures from: every crop goes through the engine once."""
    started = time.monotonic()
    skipped: Counter[str] = Counter()
    crops: list[tuple[str, Labels]] = []
    estimates: list[FaceAttributes] = []
    for batch in _batches(files, engine.input_size, skipped):
        crops += [(crop.name, crop.labels) for crop in batch]
        estimates += engine.predict(np.stack([crop.pixels for crop in batch]))
        if on_progress:
            on_progress(len(batch))
    names, labels = [name for name, _ in crops], [one for _, one in crops]
    said = dict(zip(names, estimates, strict=True))
    seconds = time.monotonic() - started
    return Evaluation(collect(labels, estimates), said, dict(skipped), seconds)


def _batches(
    files: Iterable[LabelledFile], size: int, skipped: Counter[str]
) -> Iterator[list[Crop]]:
    """Crops in batches; the next batch is decoded while the network works on this one."""

    def read(file: LabelledFile) -> Crop | str:
        if file.refusal or file.labels is None:
            return file.refusal
        try:
            return Crop(file.name, file.labels, read_crop(file.data, size))
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
