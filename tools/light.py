"""What brightening dark crops does: docs/experiments/light.md.

    tools/light.py UTKFACE PHOTOS [CROPS]    (a zip or a folder; a folder of photos; how many crops)

Reads crops whose MD5 modulo 10 is 1 at full, a half, a quarter and an eighth of their values, then
with only the face so dark, with the shipped model's weights: as they are, brightened to the
highlights that `vision.crops.reading` measures on 2,000 others, and to those of their faces too; by
race and gender. Then the faces of the photos, found as they are. An hour.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from vision.attributes import GENDER, RACE  # noqa: E402
from vision.evaluation.edits import backlit, darkened  # noqa: E402

SHARES = (1.0, 0.5, 0.25, 0.125)

Crops = NDArray[np.uint8]


def engines(train: Crops) -> tuple[dict[str, Any], float]:
    """The shipped weights, reading dark crops as they are and brightened, and the target for whole
    crops."""
    from vision.bundles.bundle import load_bundle
    from vision.crops.reading import Reading, measured
    from vision.inference.engine import Engine

    bundle = load_bundle(ROOT / "weights" / "starter")
    light = measured(train)
    told = {"as they are": replace(Reading.of(bundle.manifest), highlights=None)}
    told["by the crop"] = replace(told["as they are"], highlights=light.highlights)
    reading = replace(told["by the crop"], face_highlights=light.face_highlights)
    told["by the face too"] = reading
    sys.stdout.write(f"{reading}\n\n")
    by_reading = {
        name: Engine(replace(bundle, manifest={**bundle.manifest, "reading": one.as_json()}))
        for name, one in told.items()
    }
    return by_reading, float(reading.highlights or 0)


def crops_of(path: Path, count: int) -> tuple[Crops, list[Crops], NDArray[np.int64]]:
    """Training crops at 96 pixels, the crops that are read at their own size, and their labels."""
    from vision.data.crop_files import read_crop
    from vision.data.labelled_files import LabelledFiles
    from vision.data.utkface import split_bucket
    from vision.evaluation.robustness import draw, pixels

    with LabelledFiles(path) as files:
        labelled = [one for one in files if one.labels and pixels(one) is not None]
    bucket = {one.name: split_bucket(one.data) for one in labelled}
    train = draw([one for one in labelled if bucket[one.name] > 1], 2000)
    read = draw([one for one in labelled if bucket[one.name] == 1], count)
    shown = [crop for one in read if (crop := pixels(one)) is not None]
    labels = [
        (one.labels["age"], one.labels["gender"], one.labels["race"]) for one in read if one.labels
    ]
    return np.stack([read_crop(one.data, 96) for one in train]), shown, np.array(labels)


def groups(labels: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield "all", np.ones(len(labels), bool)
    for column, names in ((2, RACE.labels), (1, GENDER.labels)):
        for value, name in enumerate(names):
            yield name, labels[:, column] == value


def small(crop: Crops) -> Crops:
    return np.asarray(Image.fromarray(crop).resize((96, 96), Image.Resampling.BILINEAR))


def print_crops(
    by_reading: dict[str, Any], target: float, crops: Sequence[Crops], labels: Any
) -> None:
    from vision.crops.light import highlights

    sys.stdout.write(
        "| | crops | darker | MAE, years | gender | race |\n|---|---|---|---|---|---|\n"
    )
    trials = [(share, darkened, "") for share in SHARES]
    trials += [(share, backlit, " on the face") for share in SHARES[1:]]
    for share, change, where in trials:
        dark = np.stack([small(change(crop, share)) for crop in crops])
        found = {name: right(engine, dark, labels) for name, engine in by_reading.items()}
        for group, of in groups(labels):
            cells = [f"{share:g}{where}, {group}", str(of.sum())]
            bright = np.array([highlights(crop) for crop in dark[of]])
            cells.append(f"{(bright < target).mean():.3f}")
            for figure in range(3):
                cells.append(" → ".join(f"{one[figure][of].mean():.3f}" for one in found.values()))
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()


def right(engine: Any, crops: Crops, labels: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """The error in years, and whether gender and race are right, of each crop."""
    faces = engine.predict(crops)
    years = np.array([face.age.years for face in faces])
    shares = [[list(face.gender.probabilities.values()) for face in faces]]
    shares.append([list(face.race.probabilities.values()) for face in faces])
    classes = [
        (np.argmax(share, axis=1) == labels[:, column]).astype(float)
        for share, column in zip(shares, (1, 2), strict=True)
    ]
    return [np.abs(years - labels[:, 0]), *classes]


def print_photos(by_reading: dict[str, Any], folder: Path) -> None:
    """How far the ages of faces move when their photos are darkened, found as they are."""
    from vision.crops.alignment import align_face
    from vision.detection import load_detector
    from vision.photos.decoding import decode_upright

    photos = [
        decode_upright(path.read_bytes(), least_side=1800)[0]
        for path in sorted(folder.glob("*.jpg"))
    ]
    faces = load_detector().detect(photos)
    before: dict[str, Any] = {}
    for share in SHARES:
        shown = zip((darkened(photo, share) for photo in photos), faces, strict=True)
        crops = np.stack([align_face(dark, face, 96) for dark, found in shown for face in found])
        for name, engine in by_reading.items():
            years = np.array([face.age.years for face in engine.predict(crops)])
            moved = np.abs(years - before.setdefault(name, years))
            sys.stdout.write(
                f"{len(years)} faces at {share:g}, {name}: the age moves by "
                f"{np.median(moved):.2f} years in the median, {np.percentile(moved, 90):.2f} at "
                f"the 90th percentile; mean {np.mean(years - before[name]):+.2f}\n"
            )


def main(arguments: Sequence[str]) -> None:
    train, crops, labels = crops_of(Path(arguments[0]), int((*arguments, "2400")[2]))
    by_reading, target = engines(train)
    print_crops(by_reading, target, crops, labels)
    print_photos(by_reading, Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
