"""What estimates are worth of faces that a photo shows badly: small, blurred, dark or cut."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image as Pillow

from vision.attributes import GENDER, RACE, Labels
from vision.crops.quality import is_withheld
from vision.data.labelled_files import LabelledFile
from vision.inference.pipeline import Pipeline
from vision.photos.decoding import encode_jpeg
from vision.types import FaceResult, Image, PhotoResult

from .detection_recall import COLUMNS, ROWS, Pasted, matched, picture
from .edits import backlit, blurred, darkened
from .robustness import Change, OnProgress, figure_names, pixels, unchanged
from .scores import collect, figures, held_by_bin

_SIZE = 100  # pixels: the width of a face where another thing is tried

Told = tuple[Labels, FaceResult]


@dataclass(frozen=True)
class Trial:
    """How crops are shown: the width of the face in pixels, what is done to a crop before it is
    pasted, by what the values of the picture are multiplied, the quality of its JPEG, and by how
    many degrees faces are rolled to either side."""

    size: int = _SIZE
    change: Change = unchanged
    brightness: float = 1.0
    jpeg: int = 90
    roll: int = 0


TRIALS: Mapping[str, Trial] = {
    **{f"{size} px": Trial(size) for size in (16, 24, 32, 40, 48, 64, 96, 128, 200)},
    **{f"{size} px, JPEG 75": Trial(size, jpeg=75) for size in (24, 32, 50, 100)},
    **{
        f"blurred by {sigma}": Trial(change=partial(blurred, sigma=sigma))
        for sigma in (2, 3, 4, 5, 6)
    },
    **{f"1/{part} of the light": Trial(brightness=1 / part) for part in (4, 8, 16, 32, 64)},
    **{
        f"1/{part} of the light on the face": Trial(change=partial(backlit, share=1 / part))
        for part in (2, 4, 8, 16)
    },
    "rolled by 30°": Trial(roll=30),
}


def trial_figures(
    pipeline: Pipeline,
    files: Sequence[LabelledFile],
    trials: Mapping[str, Trial],
    on_progress: OnProgress,
) -> dict[str, dict[str, Any]]:
    """The figures of labelled crops that are pasted into pictures, found and estimated, by trial.

    `n` crops, of which so many are `found` and so many of these `withheld`; of the others the
    figures by `figure_names` and `age_interval_coverage`; `held`, the last by bin
    (`scores.held_by_bin`); `width`, the mean width of the intervals in years; `warned`, the share
    of the found that anything is warned of, over all and by label. Plain JSON. Files without
    labels or pixels are left out. `on_progress` hears of every crop.
    """
    crops = [
        (crop, file.labels) for file in files if file.labels and (crop := pixels(file)) is not None
    ]
    found = {}
    for name, trial in trials.items():
        told = list(_tried(pipeline, trial, crops, partial(on_progress, name)))
        found[name] = {"n": len(crops), **_figures(told)}
    return found


def _tried(
    pipeline: Pipeline,
    trial: Trial,
    crops: Sequence[tuple[Image, Labels]],
    on_progress: Callable[[int], None],
) -> Iterator[Told]:
    rng = np.random.default_rng(0)
    for start in range(0, len(crops), COLUMNS * ROWS):
        group = crops[start : start + COLUMNS * ROWS]
        image, pasted = picture(
            [trial.change(crop) for crop, _ in group], trial.size, trial.roll, rng
        )
        sent = Pillow.fromarray(darkened(image, trial.brightness))
        [result] = pipeline.run([encode_jpeg(sent, quality=trial.jpeg)])
        on_progress(len(group))
        if isinstance(result, PhotoResult):
            yield from _labelled(pasted, [labels for _, labels in group], result.faces)


def _labelled(
    pasted: Sequence[Pasted], labels: Sequence[Labels], faces: Sequence[FaceResult]
) -> Iterator[Told]:
    """The faces that show what was pasted, with its labels."""
    by_place = dict(zip(pasted, labels, strict=True))
    by_detection = {id(face.detection): face for face in faces}
    for place, detection in matched(pasted, [face.detection for face in faces]):
        yield by_place[place], by_detection[id(detection)]


def _figures(told: Sequence[Told]) -> dict[str, Any]:
    kept = [(labels, face) for labels, face in told if not is_withheld(face.quality)]
    scores = collect([labels for labels, _ in kept], [face.attributes for _, face in kept])
    known = figures(scores)
    widths = (scores.high - scores.low)[~np.isnan(scores.low)]
    return {
        "found": len(told),
        "withheld": len(told) - len(kept),
        **{key: known[key] for key in (*figure_names(), "age_interval_coverage")},
        "held": held_by_bin(scores),
        "width": round(float(widths.mean()), 2) if len(widths) else None,
        "warned": _warned(told),
    }


def _warned(told: Sequence[Told]) -> dict[str, float | None]:
    def share(chosen: Sequence[Told]) -> float | None:
        warned = [bool(face.quality.warnings) for _, face in chosen]
        return round(float(np.mean(warned)), 4) if warned else None

    shares = {"all": share(told)}
    for attribute in (RACE, GENDER):
        for number, label in enumerate(attribute.labels):
            shares[label] = share([one for one in told if one[0].get(attribute.name) == number])
    return shares
