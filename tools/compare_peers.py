"""FaceRoute and DeepFace measured in one run, in turn.

    python3 -m venv /somewhere/peers
    /somewhere/peers/bin/pip install deepface flask tf-keras mtcnn lz4 \\
        'opencv-contrib-python-headless<5'
    .venv/bin/python tools/compare_peers.py /somewhere/peers/bin/python [--json] [--rounds N]

Age, gender and race of crops of 224 pixels, alone and in batches of eight, by DeepFace's three
networks and by one of FaceRoute's as it serves and in float32; and whole photos from the file to
the estimates, by DeepFace with each of its detectors and as `manage.py predict` does it, both in a
process that has everything loaded. Ratios are of DeepFace to FaceRoute. The detector `yunet` needs
its weights (face_detection_yunet_2023mar.onnx) in ~/.deepface/weights; without them it is left out.
OpenCV 5 has no files for the detector `opencv` any more. Linux.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
_scratch = tempfile.TemporaryDirectory(prefix="faceroute-peers-")
os.environ["FACEROUTE_DATA_DIR"] = _scratch.name

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402

from tools.driven import Driven  # noqa: E402
from tools.photos import KINDS, add_photo_options, chosen_photos  # noqa: E402
from training.registry.loading import load_engine  # noqa: E402
from vision.benchmark.networks import BATCH, LARGE, at, measured  # noqa: E402
from vision.benchmark.timing import Measure, alternated, rounded, timed  # noqa: E402
from vision.bundles.bundle import load_bundle  # noqa: E402
from vision.detection import load_detector  # noqa: E402
from vision.inference.openvino_engine import OpenVinoEngine  # noqa: E402
from vision.inference.pipeline import Pipeline  # noqa: E402
from vision.photos.decoding import read_photo  # noqa: E402

_DETECTORS = ("opencv", "mtcnn", "yunet")
_LOG = "deepface.log"


Sections = Iterator[tuple[str, dict[str, Any]]]


def crops(peer: Driven, rounds: int) -> Sections:
    """A crop of 224 pixels, alone and in batches."""
    starter = at(load_bundle(settings.STARTER_BUNDLE), LARGE)
    served, exact = load_engine(starter), OpenVinoEngine(starter, precision="float32")
    engines = {f"FaceRoute, {one.precision}": one for one in (served, exact)}
    for count, name in ((1, "alone"), (BATCH, f"in batches of {BATCH}")):
        ours = {engine: measured(one, count) for engine, one in engines.items()}
        theirs = {"DeepFace": peer.timed("faces", per=count, count=count)}
        yield f"crop, {name}", _against("DeepFace", theirs | ours, rounds)


def whole_photos(peer: Driven, photos: dict[str, Path], rounds: int) -> Sections:
    """Photos from the file to the estimates."""
    unusable = {name: peer.ask("usable", detector=name) for name in _DETECTORS}
    engine = load_engine(settings.STARTER_BUNDLE)
    engine.warm_up()
    pipeline = Pipeline(load_detector(), engine)
    yield "left out", {name: why for name, why in unusable.items() if why}
    for kind, path in photos.items():
        theirs = {
            f"DeepFace, {name}": peer.timed("photo", path=str(path), detector=name)
            for name, why in unusable.items()
            if not why
        }
        ours = {"FaceRoute": timed(_predicting(pipeline, path))}
        yield f"photo, {kind}", _against("FaceRoute", ours | theirs, rounds)


def _predicting(pipeline: Pipeline, path: Path) -> Callable[[], object]:
    """What `manage.py predict` does of a photo: read it as an upload is kept, and estimate."""

    def predict() -> object:
        read = read_photo(
            path.read_bytes(),
            max_bytes=settings.PHOTO_MAX_BYTES,
            max_pixels=settings.PHOTO_MAX_PIXELS,
        )
        return pipeline.run([read.as_jpeg()])

    return predict


def _against(one: str, measures: dict[str, Measure], rounds: int) -> dict[str, Any]:
    """Everything measured in turn, with DeepFace's ratios to FaceRoute."""
    timings = alternated(measures, rounds)
    told: dict[str, Any] = {name: timing.as_json() for name, timing in timings.items()}
    for name, timing in timings.items():
        if name != one:
            peer, ours = (timings[one], timing) if one == "DeepFace" else (timing, timings[one])
            told[name]["ratio"] = peer.to(ours)
    return told


def print_rows(what: str, costs: dict[str, Any]) -> None:
    for name, cost in costs.items():
        if isinstance(cost, str):
            print(f"| {what}: {name} | | | {cost} |", flush=True)  # noqa: T201
            continue
        told = _ratios(cost["ratio"]) if "ratio" in cost else ""
        wall, cpu = cost["wall_ms"]["median"], cost["cpu_ms"]["median"]
        print(f"| {what}: {name} | {wall:.0f} | {cpu:.0f} | {told} |", flush=True)  # noqa: T201


def _ratios(ratio: dict[str, dict[str, float]]) -> str:
    told = [
        f"{of['median']:.1f} ({of['low']:.1f} to {of['high']:.1f})"
        for of in (ratio["wall"], ratio["cpu"])
    ]
    return f"{told[0]}; of processors {told[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path, help="of the environment that has DeepFace")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of photos")
    add_photo_options(parser)
    options = parser.parse_args()
    folder = Path(_scratch.name)
    with contextlib.ExitStack() as stack:
        peer = Driven(
            [str(options.python), str(ROOT / "tools" / "peer_driver.py")],
            folder=folder,
            environment=os.environ,
            log=folder / _LOG,
        )
        stack.callback(peer.close)
        report = {"DeepFace": peer.ask("version")}
        if not options.json:
            print(f"DeepFace {report['DeepFace']}\n")  # noqa: T201
            print("| | by the clock (ms) | processor (ms) | DeepFace to FaceRoute |")  # noqa: T201
            print("|---|---|---|---|")  # noqa: T201
        photos = {kind: chosen_photos(folder, options)[kind] for kind in options.kinds}
        sections = crops(peer, options.rounds), whole_photos(peer, photos, options.rounds)
        for name, costs in chain(*sections):
            report[name] = rounded(costs)
            if not options.json:
                print_rows(name, report[name])
    if options.json:
        print(json.dumps(report))  # noqa: T201


if __name__ == "__main__":
    main()
