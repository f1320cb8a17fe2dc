"""How fast this machine does each step: figures of one run, to set against each other."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from vision.backbone.precision import choose_precision, computing_in
from vision.backbone.vgg16 import build_backbone
from vision.detection import load_detector
from vision.photos.decoding import decode_upright, encode_jpeg

from .engine import Engine

_ROUNDS = 7
_MATRIX = 4096
_BATCH = 8
_LARGE = 224

# Multiplications and additions of VGG16's convolutions, per pixel of a 224-pixel input: 30.7 G
# for 224 × 224 (13 convolutions of 3 × 3; Simonyan and Zisserman 2015, table 1, configuration D).
_BACKBONE_OPERATIONS = 30.69e9 / 224**2


def best_seconds(action: Callable[[], object]) -> float:
    """The shortest of some rounds, after one that does not count: what the machine can do."""
    action()
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def benchmark(bundle: Path, portrait: bytes) -> dict[str, Any]:
    """Milliseconds, GFLOP/s and ratios of every step, with a model and an encoded photo of faces.

    `share_of_peak` is the backbone's rate as a share of this machine's own matrix-multiply rate in
    the same precision, measured here. The model looks at each crop once, unsure or not.
    """
    precisions = dict.fromkeys(("float32", choose_precision()))
    detector = load_detector()
    pixels, _size = decode_upright(portrait)
    report: dict[str, Any] = {
        "decode_12_megapixels_ms": _decode_ms(portrait),
        "detect_ms": 1000 * best_seconds(lambda: detector.detect([pixels])),
        "photo": list(pixels.shape[:2]),
    }
    for precision in precisions:
        report[precision] = _precision(bundle, precision)
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def _precision(bundle: Path, precision: str) -> dict[str, Any]:
    peak = _matrix_rate(precision)
    engine = Engine.load(bundle, precision=precision)
    size = engine.input_size
    crops = np.zeros((_BATCH, size, size, 3), np.uint8)
    one = best_seconds(lambda: engine.plain_outputs(crops[:1]))
    many = best_seconds(lambda: engine.plain_outputs(crops)) / _BATCH
    large = _large_backbone_seconds(precision)
    return {
        "matrix_gflops": peak / 1e9,
        f"model_{size}px_ms_alone": 1000 * one,
        f"model_{size}px_ms_in_batch": 1000 * many,
        f"model_{size}px_share_of_peak": _BACKBONE_OPERATIONS * size**2 / many / peak,
        f"trunk_{_LARGE}px_ms_in_batch": 1000 * large,
        f"trunk_{_LARGE}px_share_of_peak": _BACKBONE_OPERATIONS * _LARGE**2 / large / peak,
    }


def _matrix_rate(precision: str) -> float:
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal((_MATRIX, _MATRIX)), precision)
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    return 2 * _MATRIX**3 / best_seconds(lambda: multiply().numpy())


def _large_backbone_seconds(precision: str) -> float:
    import tensorflow as tf

    with computing_in(precision):
        backbone = build_backbone(_LARGE)
    run = tf.function(lambda crops: tf.reduce_max(backbone(crops, training=False)))
    crops = tf.random.normal((_BATCH, _LARGE, _LARGE, 3))
    return best_seconds(lambda: run(crops).numpy()) / _BATCH


def _decode_ms(portrait: bytes) -> float:
    with Pillow.open(io.BytesIO(portrait)) as image:
        large = encode_jpeg(image.convert("RGB").resize((4000, 3000)))
    return 1000 * best_seconds(lambda: decode_upright(large, least_side=1800))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value
