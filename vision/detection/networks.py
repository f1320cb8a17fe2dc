"""The three networks of MTCNN in OpenVINO, with the weights that the `mtcnn` package carries.

Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multi-task cascaded convolutional
networks", IEEE Signal Processing Letters 23(10), 2016. The package's own code, which computes them
in TensorFlow, is not imported.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

Floats = NDArray[np.float32]
Network = Callable[[NDArray[np.uint8]], list[Floats]]
"""Pixels uint8 (N, H, W, 3) RGB → the network's outputs, float32, positions before channels."""

# One thread: R-Net and O-Net are so small that a second one costs more than it brings.
_SETTINGS = {"INFERENCE_NUM_THREADS": 1}
# P-Net sees whole photos: a second thread takes up to a third off the clock of a search.
_WIDE = {"INFERENCE_NUM_THREADS": 2}
# What only proposes may compute in bfloat16 where the processor can. What is said of a face comes
# from O-Net in float32.
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def load_pnet() -> Network:
    """P-Net for one image of any size: at every second pixel, a grid (1, h, w, 4) of shifts of the
    12-pixel cell's edges, in cells, and (1, h, w, 2) with the probability of a face last."""
    graph = _Graph("pnet", (1, -1, -1))
    graph.convolution()
    graph.pooling(2, padded=True)
    graph.convolution()
    graph.convolution()
    shifts, faces = graph.branch(), ops.softmax(graph.branch(), 1)
    return graph.compiled([_positions_first(shifts), _positions_first(faces)], _WIDE)


def load_rnet() -> Network:
    """R-Net for patches (N, 24, 24, 3): shifts (N, 4) of the patch's edges, in patches, and (N, 2)
    with the probability of a face last."""
    graph = _Graph("rnet", (-1, 24, 24))
    graph.convolution()
    graph.pooling(3, padded=True)
    graph.convolution()
    graph.pooling(3, padded=False)
    graph.convolution()
    graph.flattened()
    graph.dense()
    shifts, faces = graph.dense_branch(), ops.softmax(graph.dense_branch(), 1)
    return graph.compiled([shifts, faces])


def load_onet(*, exact: bool) -> Network:
    """O-Net for patches (N, 48, 48, 3): as R-Net, with five x and then five y of landmarks
    (N, 10), in patches, between the two. `exact` is in float32 whatever the processor can."""
    graph = _Graph("onet", (-1, 48, 48))
    graph.convolution()
    graph.pooling(3, padded=True)
    graph.convolution()
    graph.pooling(3, padded=False)
    graph.convolution()
    graph.pooling(2, padded=True)
    graph.convolution()
    graph.flattened()
    graph.dense()
    shifts, landmarks = graph.dense_branch(), graph.dense_branch()
    outputs = [shifts, landmarks, ops.softmax(graph.dense_branch(), 1)]
    return graph.compiled(outputs, _EXACT if exact else {})


def _weights(name: str) -> list[NDArray[np.float32]]:
    """A network's arrays in the order of its layers: kernel, bias, slopes, kernel, …"""
    package = find_spec("mtcnn")
    if package is None or not package.submodule_search_locations:
        raise ImportError("The package mtcnn, which carries the detector's weights, is missing.")
    folder = Path(package.submodule_search_locations[0])
    arrays: list[NDArray[np.float32]] = joblib.load(folder / "assets" / "weights" / f"{name}.lz4")
    return arrays


class _Graph:
    """A network under construction; each step takes its arrays from the weights, in order."""

    def __init__(self, name: str, shape: tuple[int, int, int]) -> None:
        self._name = name
        self._weights = iter(_weights(name))
        self._pixels = ops.parameter(ov.PartialShape([*shape, 3]), ov.Type.u8)
        values = ops.subtract(ops.convert(self._pixels, "f32"), _constant(127.5))
        self._top = ops.transpose(ops.multiply(values, _constant(1 / 128)), [0, 3, 1, 2])

    def convolution(self) -> None:
        self._top = self._prelu(self.branch())

    def branch(self) -> Any:
        """A convolution over what there is, beside other branches."""
        kernel, bias = next(self._weights), next(self._weights)
        weights = _constant(kernel.transpose(3, 2, 0, 1))
        found = ops.convolution(self._top, weights, [1, 1], [0, 0], [0, 0], [1, 1])
        return ops.add(found, _constant(bias.reshape(1, -1, 1, 1)))

    def pooling(self, size: int, *, padded: bool) -> None:
        pad = "same_upper" if padded else "valid"
        window = [size, size]
        pooled = ops.max_pool(self._top, [2, 2], [1, 1], [0, 0], [0, 0], window, "floor", pad)
        self._top = pooled.output(0)

    def flattened(self) -> None:
        """Columns before rows before channels: the weights were trained in that order."""
        self._top = ops.reshape(ops.transpose(self._top, [0, 3, 2, 1]), [0, -1], True)

    def dense(self) -> None:
        self._top = self._prelu(self.dense_branch())

    def dense_branch(self) -> Any:
        kernel, bias = next(self._weights), next(self._weights)
        return ops.add(ops.matmul(self._top, _constant(kernel), False, False), _constant(bias))

    def _prelu(self, values: Any) -> Any:
        return ops.prelu(values, _constant(next(self._weights).reshape(-1)))

    def compiled(self, outputs: Sequence[Any], settings: Mapping[str, Any] = {}) -> Network:
        model = ov.Model(list(outputs), [self._pixels], self._name)
        compiled = ov.Core().compile_model(model, "CPU", {**_SETTINGS, **settings})

        def run(pixels: NDArray[np.uint8]) -> list[Floats]:
            results = compiled(pixels)
            return [results[index] for index in range(len(outputs))]

        return run


def _constant(values: Any) -> Any:
    return ops.constant(np.ascontiguousarray(values, np.float32))


def _positions_first(values: Any) -> Any:
    return ops.transpose(values, [0, 2, 3, 1])
