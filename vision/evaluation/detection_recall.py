"""How often a detector finds faces whose places are known, by their size and roll."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import process_time

import numpy as np
from PIL import Image as Pillow

from vision.detection import Detector
from vision.types import Detection, Image

from .edits import darkened

SIZES = (24, 40, 80, 160)  # widths of faces in pixels
ROLLS = (0, 15, 30, 90, 180)  # degrees, to either side
COLUMNS, ROWS = 4, 3  # of crops in a picture

_FACE = 0.625  # the width of a face as a share of the side of a crop of UTKFace
_LEAST_CELL = 160  # pixels; so no picture is smaller than 640 × 480
_GRAIN = 8  # pixels between the points that the ground is drawn with


@dataclass(frozen=True)
class Pasted:
    """A crop in a picture: the middle of it in pixels, the width of its face, and its roll in
    degrees, clockwise as the viewer sees it."""

    x: float
    y: float
    size: int
    roll: int

    def is_shown_by(self, face: Detection) -> bool:
        """Whether a detection is of this face: near it, between half and twice as wide."""
        box = face.box
        right, down = box.x + box.width / 2 - self.x, box.y + box.height / 2 - self.y
        near = max(abs(right), abs(down)) < 0.6 * self.size
        return near and 0.5 * self.size < box.width < 2 * self.size

    def is_read_upright(self, face: Detection) -> bool:
        """Whether the eyes of a detection lie as this face's do, within 20 degrees."""
        across, down = face.landmarks[1] - face.landmarks[0]
        turned = np.degrees(np.arctan2(down, across)) - self.roll
        return bool(abs((turned + 180) % 360 - 180) < 20)


@dataclass(frozen=True)
class Recall:
    """What was found of the faces of one size and roll.

    `upright` of the `found` were read the way up they have; `extra` detections were of no face.
    `cpu_ms` is the median of the pictures' processor time.
    """

    size: int
    roll: int
    faces: int
    found: int
    upright: int
    extra: int
    cpu_ms: float


def measure(
    detector: Detector,
    crops: Sequence[Image],
    *,
    pictures: int,
    on_progress: Callable[[int], None],
    brightness: float = 1.0,
    seed: int = 0,
) -> list[Recall]:
    """A detector on pictures of UTKFace's aligned crops, twelve to a picture, by every size and
    roll. All of them show the same crops, the first that fill so many `pictures`; fewer are
    repeated. Every value of the pictures is multiplied by `brightness`, 0 to 1. `on_progress` hears
    of every picture. Raises ValueError where there is no crop."""
    if not crops:
        raise ValueError("There is no crop to paste.")
    places = COLUMNS * ROWS
    shown = [crops[index % len(crops)] for index in range(pictures * places)]
    groups = [shown[start : start + places] for start in range(0, len(shown), places)]
    rng = np.random.default_rng(seed)

    def shown_at(size: int, roll: int) -> Iterator[tuple[Image, list[Pasted]]]:
        for group in groups:
            image, pasted = picture(group, size, roll, rng)
            yield darkened(image, brightness), pasted

    return [
        _recall(detector, list(shown_at(size, roll)), on_progress)
        for size in SIZES
        for roll in ROLLS
    ]


def picture(
    crops: Sequence[Image], size: int, roll: int, rng: np.random.Generator
) -> tuple[Image, list[Pasted]]:
    """Up to twelve crops on a soft ground, rolled to one side or the other, and where they are."""
    side = round(size / _FACE)
    cell = max(_LEAST_CELL, round(1.5 * side))
    ground = rng.uniform(60, 190, 3) + rng.normal(
        0, 6, (ROWS * cell // _GRAIN, COLUMNS * cell // _GRAIN, 3)
    )
    photo = Pillow.fromarray(ground.clip(0, 255).astype(np.uint8))
    photo = photo.resize((COLUMNS * cell, ROWS * cell), Pillow.Resampling.BICUBIC)
    pasted = []
    for index, crop in enumerate(crops):
        x, y = (index % COLUMNS + 0.5) * cell, (index // COLUMNS + 0.5) * cell
        turned = int(rng.choice((-roll, roll)))
        small = Pillow.fromarray(crop).resize((side, side), Pillow.Resampling.LANCZOS)
        piece = small.convert("RGBA").rotate(-turned, Pillow.Resampling.BICUBIC, expand=True)
        photo.paste(piece, (round(x - piece.width / 2), round(y - piece.height / 2)), piece)
        pasted.append(Pasted(x, y, size, turned))
    return np.asarray(photo), pasted


def _recall(
    detector: Detector,
    pictures: Sequence[tuple[Image, list[Pasted]]],
    on_progress: Callable[[int], None],
) -> Recall:
    found: list[tuple[Pasted, Detection]] = []
    extra, times = 0, []
    for image, pasted in pictures:
        started = process_time()
        faces = detector.detect([image])[0]
        times.append(process_time() - started)
        pairs = matched(pasted, faces)
        found += pairs
        extra += len(faces) - len(pairs)
        on_progress(1)
    upright = sum(place.is_read_upright(face) for place, face in found)
    places = [place for _, pasted in pictures for place in pasted]
    return Recall(
        size=places[0].size,
        roll=abs(places[0].roll),
        faces=len(places),
        found=len(found),
        upright=upright,
        extra=extra,
        cpu_ms=round(1000 * median(times), 1),
    )


def matched(pasted: Sequence[Pasted], faces: Sequence[Detection]) -> list[tuple[Pasted, Detection]]:
    """The pasted faces that are shown by a detection, with it; each counts once."""
    left, pairs = list(faces), []
    for place in pasted:
        shown = next((face for face in left if place.is_shown_by(face)), None)
        if shown:
            left.remove(shown)
            pairs.append((place, shown))
    return pairs
