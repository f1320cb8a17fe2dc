"""How fast each engine is, in one run: docs/experiments/engine.md.

    .venv/bin/python tools/engines.py [ROUNDS]

Milliseconds a face of the shipped model at 96 pixels, and of VGGFace's network with the heads of
the student deck at 224 (random weights, which take as long), alone and in batches of 8: on the
clock, and of all processors together, which tells more where others use them too. Engines take
turns; of the rounds the least counts. How many GFLOP/s the convolutions come to is by the clock.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from vision.backbone.vgg16 import backbone_tensors, build_backbone  # noqa: E402
from vision.bundles.bundle import Bundle, load_bundle  # noqa: E402
from vision.heads.specs import build_head, classic_heads, head_tensors  # noqa: E402
from vision.inference.engine import Engine  # noqa: E402
from vision.inference.openvino_engine import OpenVinoEngine  # noqa: E402

_ENGINES: dict[str, Callable[..., Any]] = {"TensorFlow": Engine, "OpenVINO": OpenVinoEngine}
_COMPARED = [(name, precision) for precision in ("float32", "bfloat16") for name in _ENGINES]
_COMPARED.append(("OpenVINO", "int8"))
_OPERATIONS = 30.69e9 / 224**2  # of VGG16's convolutions, per pixel of the input


def random_deck(size: int = 224) -> Bundle:
    backbone = build_backbone(size)
    tensors: dict[str, NDArray[Any]] = dict(backbone_tensors(backbone))
    for spec in classic_heads():
        tensors |= head_tensors(build_head(backbone.output, spec), spec)
    heads = {spec.name: spec.as_json() for spec in classic_heads()}
    manifest = {"name": "deck", "architecture": "vgg16", "input_size": size, "heads": heads}
    return Bundle(manifest, tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=_rounds, default=15, metavar="ROUNDS")
    rounds = parser.parse_args().rounds
    for bundle in (load_bundle(ROOT / "weights" / "starter"), random_deck()):
        size = bundle.manifest["input_size"]
        engines = {
            (name, precision): _ENGINES[name](bundle, precision=precision)
            for name, precision in _COMPARED
        }
        for count in (1, 8):
            crops = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
            best = dict.fromkeys(engines, (float("inf"), float("inf")))
            for number in range(rounds + 1):
                for key, engine in engines.items():
                    found = _seconds(engine, crops)
                    if number:  # the first one is not at full speed
                        best[key] = (min(best[key][0], found[0]), min(best[key][1], found[1]))
            for (name, precision), (clock, processors) in best.items():
                rate = _OPERATIONS * size**2 * count / clock / 1e9
                sys.stdout.write(
                    f"{size} px, {count} at once, {name}, {precision}: "
                    f"{1000 * clock / count:.1f} ms a face by the clock, "
                    f"{1000 * processors / count:.1f} of processors, {rate:.0f} GFLOP/s\n"
                )
                sys.stdout.flush()


def _rounds(text: str) -> int:
    """Raises ArgumentTypeError, in a sentence, for what is no number of rounds."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"“{text}” is no whole number above 0.")
    return int(text)


def _seconds(engine: Any, crops: NDArray[np.uint8]) -> tuple[float, float]:
    clock, processors = time.perf_counter(), time.process_time()
    engine._run(crops)
    return time.perf_counter() - clock, time.process_time() - processors


if __name__ == "__main__":
    main()
