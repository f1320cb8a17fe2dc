"""What WebP costs crops that travel: docs/experiments/parcels.md.

    tools/webp.py DATASET    (an imported dataset's name; FACEROUTE_DATA_DIR as ever)

Prints what 400 random crops of the validation split weigh at each side and quality, and how well
the shipped model does on all of that split when they have been through it. Minutes on two cores.
"""

import io
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
SIDES, QUALITIES, CROPS = (110, 129, 147), (90, 80, 70), 400

Crops = Sequence[Image.Image]


def webp(crop: Image.Image, quality: int) -> bytes:
    data = io.BytesIO()
    crop.save(data, "WEBP", quality=quality, method=6)
    return data.getvalue()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def weigh(read: Callable[[int], Crops], count: int) -> None:
    """A table in MiB for so many crops."""
    print("| side |", " | ".join(f"quality {quality}" for quality in QUALITIES), "|")  # noqa: T201
    for side in SIDES:
        chosen = random.Random(0).sample(read(side), CROPS)  # noqa: S311
        sizes = [np.mean([len(webp(crop, quality)) for crop in chosen]) for quality in QUALITIES]
        print(f"| {side} px |", *(f"{size * count / 2**20:.1f} MiB |" for size in sizes))  # noqa: T201


def main(name: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import django

    django.setup()
    from training.datasets.curations import curated
    from training.models import Dataset
    from vision.attributes import GENDER, RACE
    from vision.data.crop_files import read_example
    from vision.inference.engine import Engine

    selection = curated(Dataset.objects.get(name=name), "full")
    labels = [example.labels for example in selection.validation]
    engine = Engine.load(ROOT / "weights" / "starter")

    def read(side: int) -> Crops:
        return [Image.fromarray(read_example(one, side)) for one in selection.validation]

    def say(what: str, crops: Crops) -> None:
        size = (engine.input_size, engine.input_size)
        small = [np.asarray(crop.resize(size, Image.Resampling.BILINEAR)) for crop in crops]
        pairs = list(zip(engine.predict(np.stack(small)), labels, strict=True))
        figures = (
            np.mean([abs(face.age.years - one["age"]) for face, one in pairs if face.age]),
            np.mean(
                [
                    face.classes["gender"].label == GENDER.labels[one["gender"]]
                    for face, one in pairs
                ]
            ),
            np.mean(
                [face.classes["race"].label == RACE.labels[one["race"]] for face, one in pairs]
            ),
        )
        print(f"| {what} |", *(f"{figure:.4f} |" for figure in figures), flush=True)  # noqa: T201

    weigh(read, len(selection.train) + len(labels))
    for side in (SIDES[0], SIDES[-1]):
        say(f"{side} px as it is", read(side))
        for quality in QUALITIES[1:]:
            say(f"{side} px, quality {quality}", [decoded(webp(c, quality)) for c in read(side)])


if __name__ == "__main__":
    main(sys.argv[1])
