"""The most that a machine computes: the fastest product or convolution of any library here."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from .timing import Measure, timed

_SIDES = (1024, 4096)  # of matrices: one that stays in the caches, and one that does not
_IMAGES = 8
# Side and channels of the convolutions in the middle of VGG16 at 224 pixels, where its work is.
_LAYERS = ((56, 256), (28, 512))
_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class Attempt(NamedTuple):
    """Something that does so many floating-point operations, and what it costs."""

    operations: float
    measure: Measure


def attempts(precision: str, *, smaller: int = 1) -> dict[str, Attempt]:
    """Products and convolutions in the precision, by the name of the library and what they are.

    `smaller` divides the sides of matrices and images. Imports TensorFlow.
    """
    found = {}
    for side in (side // smaller for side in _SIDES):
        operations = 2.0 * side**3
        for library, product in _PRODUCTS.items():
            if library != "numpy" or precision == "float32":
                name = f"{library} product of {side}"
                found[name] = Attempt(operations, timed(product(side, precision)))
    for side, channels in _LAYERS:
        side //= smaller  # noqa: PLW2901
        operations = 2.0 * _IMAGES * side**2 * channels**2 * 9
        for library, convolution in _CONVOLUTIONS.items():
            name = f"{library} convolution of {side} x {side} x {channels}"
            found[name] = Attempt(operations, timed(convolution(side, channels, precision)))
    return found


def _numpy_product(side: int, _precision: str) -> Callable[[], object]:
    one, other = _values(side, side), _values(side, side)
    into = np.empty_like(one)
    return lambda: np.matmul(one, other, out=into)


def _tensorflow_product(side: int, precision: str) -> Callable[[], object]:
    import tensorflow as tf

    one = tf.cast(_values(side, side), precision)
    other = tf.constant(tf.cast(_values(side, side), precision))
    multiply = tf.function(lambda: tf.reduce_max(tf.matmul(one, other)))
    return lambda: multiply().numpy()


def _tensorflow_convolution(side: int, channels: int, precision: str) -> Callable[[], object]:
    import tensorflow as tf

    images = tf.cast(_values(_IMAGES, side, side, channels), precision)
    kernel = tf.cast(_values(3, 3, channels, channels), precision)
    convolve = tf.function(lambda: tf.reduce_max(tf.nn.conv2d(images, kernel, 1, "SAME")))
    return lambda: convolve().numpy()


def _openvino_product(side: int, precision: str) -> Callable[[], object]:
    left = ops.parameter([side, side], ov.Type.f32)
    product = ops.matmul(left, ops.constant(_values(side, side)), False, False)
    return _compiled(product, left, _values(side, side), precision)


def _openvino_convolution(side: int, channels: int, precision: str) -> Callable[[], object]:
    images = ops.parameter([_IMAGES, channels, side, side], ov.Type.f32)
    kernel = ops.constant(_values(channels, channels, 3, 3))
    found = ops.convolution(images, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    return _compiled(found, images, _values(_IMAGES, channels, side, side), precision)


def _compiled(result: Any, parameter: Any, values: Any, precision: str) -> Callable[[], object]:
    """Only the largest value comes back, so that nobody pays for copying the others."""
    axes = list(range(values.ndim))
    model = ov.Model([ops.reduce_max(result, axes, False)], [parameter], "attempt")
    settings = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    tensor = ov.Tensor(values)
    return lambda: request.infer([tensor], share_inputs=True)


def _values(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


_PRODUCTS = {
    "numpy": _numpy_product,
    "tensorflow": _tensorflow_product,
    "openvino": _openvino_product,
}
_CONVOLUTIONS = {
    "tensorflow": _tensorflow_convolution,
    "openvino": _openvino_convolution,
}
