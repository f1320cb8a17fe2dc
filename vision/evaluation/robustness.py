"""How much a model minds that crops are changed before it reads them."""

import hashlib
import heapq
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from PIL import Image as Pillow

from vision.data.labelled_files import LabelledFile
from vision.types import Image

from .evaluate import Predictor, score
from .scores import Figures, accuracies, figures

Change = Callable[[Image], Image]
OnProgress = Callable[[str, int], None]


def figure_names() -> tuple[str, ...]:
    """What is compared between crops as they are and crops that were changed."""
    return ("age_mae", "age_bias", *accuracies(), "race3_accuracy")


def unchanged(crop: Image) -> Image:
    """The crop as it is."""
    return crop


def figures_by_change(
    engine: Predictor,
    files: Sequence[LabelledFile],
    changes: Mapping[str, Sequence[Change]],
    on_progress: OnProgress,
) -> dict[str, Figures]:
    """The figures in `figure_names` of labelled crops that were changed, by the name of the change.

    Crops are changed at the size they have, before they are resized to the model's input. Where
    several changes have one name, the means over them. `on_progress` hears which change it is, and
    how many crops more are done.
    """

    def measured(name: str, change: Change) -> Figures:
        def report(count: int) -> None:
            on_progress(name, count)

        shown = (changed(file, change) for file in files)
        return figures(score(engine, shown, on_progress=report).scores)

    found = {name: [measured(name, change) for change in of] for name, of in changes.items()}
    return {
        name: {key: _mean(one[key] for one in of) for key in figure_names()}
        for name, of in found.items()
    }


def changed(file: LabelledFile, change: Change) -> LabelledFile:
    """The file with its pixels changed, as `score` reads it; broken ones stay broken, for it to
    count."""
    crop = None if change is unchanged else pixels(file)
    if crop is None:
        return file
    data = io.BytesIO()
    Pillow.fromarray(change(crop)).save(data, "PNG", compress_level=1)
    return replace(file, data=data.getvalue())


def pixels(file: LabelledFile) -> Image | None:
    """A crop at the size it has; None where it is broken."""
    try:
        with Pillow.open(io.BytesIO(file.data), formats=("JPEG", "PNG")) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None


def draw(files: Iterable[LabelledFile], count: int) -> list[LabelledFile]:
    """At most so many of the files, in an order that their content alone decides (SHA-256): names
    come sorted by age. Holds no more than these in memory."""
    return heapq.nsmallest(count, files, key=lambda file: hashlib.sha256(file.data).digest())


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 4) if known else None
