"""What each stage of a photo's way costs, in milliseconds of processor time.

    .venv/bin/python tools/photo_stages.py PHOTO… [--rounds N] [--bundle FOLDER]

Photos are taken in turn, and of each stage the least of all rounds counts. `read`, `encode` and
`thumbnail` are what the web does, each photo in a new process there (this is one process); the rest
is a worker's: `decode` for the search, `find` the faces, decode `finer` for small ones, `crop`,
`engine`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from vision.bundles.bundle import load_bundle  # noqa: E402
from vision.crops.alignment import align_face  # noqa: E402
from vision.detection import Detector, load_detector  # noqa: E402
from vision.inference.base import BaseEngine  # noqa: E402
from vision.inference.openvino_engine import OpenVinoEngine  # noqa: E402
from vision.inference.sizes import decode_photo, shown_faces  # noqa: E402
from vision.photos.decoding import make_thumbnail, read_photo  # noqa: E402

STAGES = ("read", "encode", "thumbnail", "decode", "find", "finer", "crop", "engine")

T = TypeVar("T")


class Costs:
    """The least processor seconds of each stage of a photo."""

    def __init__(self) -> None:
        self.least: dict[str, float] = {}
        self.faces = 0

    def of(self, stage: str, work: Callable[[], T]) -> T:
        started = time.process_time()
        done = work()
        taken = time.process_time() - started
        self.least[stage] = min(taken, self.least.get(stage, taken))
        return done


def measure(costs: Costs, file: bytes, detector: Detector, engine: BaseEngine) -> None:
    """One round of a photo."""
    read = costs.of("read", lambda: read_photo(file, max_bytes=2**26, max_pixels=50_000_000))
    kept = costs.of("encode", read.as_jpeg)
    costs.of("thumbnail", lambda: make_thumbnail(read.image))
    photo = costs.of("decode", lambda: decode_photo(kept))
    faces = costs.of("find", lambda: detector.detect([photo.image], [photo.scale]))[0]
    costs.faces = len(faces)
    if not faces:
        return
    size = engine.input_size
    shown = costs.of("finer", lambda: shown_faces(photo, faces, size))
    crops = costs.of("crop", lambda: [align_face(one.image, one.face, size) for one in shown])
    costs.of("engine", lambda: engine.predict(np.stack(crops)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bundle", type=Path, default=ROOT / "weights" / "starter")
    options = parser.parse_args()
    detector, engine = load_detector(), OpenVinoEngine(load_bundle(options.bundle))
    engine.warm_up()
    costs = {photo: Costs() for photo in options.photos}
    for _ in range(options.rounds):
        for photo, cost in costs.items():
            measure(cost, photo.read_bytes(), detector, engine)
    print("| photo | faces |", " | ".join(STAGES), "|")  # noqa: T201
    print("|---" * (len(STAGES) + 2) + "|")  # noqa: T201
    for photo, cost in costs.items():
        cells = [f"{1000 * cost.least.get(stage, 0):.0f}" for stage in STAGES]
        print(f"| {photo.name} | {cost.faces} |", " | ".join(cells), "|")  # noqa: T201


if __name__ == "__main__":
    main()
