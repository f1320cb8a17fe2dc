"""A bundle's network as an ONNX graph: crops in, what every head says raw out.

It is written from the bundle's tensors and head specs, without TensorFlow. Preprocessing is part of
it; how crops are framed and read before, and what the raw outputs mean, is not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vision.backbone.vgg16 import BLOCKS, MEAN_RGB
from vision.errors import BundleIncompatible
from vision.heads.specs import HeadSpec, parse_heads

from .bundle import Bundle

INPUT = "crops"
# Of 2022; what runs ONNX at all knows them.
_OPSET, _IR_VERSION = 17, 8
_NAME = "faces"
_FEATURES = "features"
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def onnx_graph(bundle: Bundle) -> bytes:
    """The graph of a bundle: `crops` uint8 (N, S, S, 3) RGB → for each head an output of its name,
    float32 (N, units).

    Weights stay as the bundle has them, float16 or float32, and everything is computed in float32.
    Raises BundleIncompatible where the bundle has no heads or tensors do not fit.
    """
    size = bundle.manifest["input_size"]
    graph = _Graph(bundle.tensors)
    pool5 = _backbone(graph)
    side = size // 2 ** len(BLOCKS)
    specs = parse_heads(bundle.manifest)
    units = [_head(graph, spec, pool5, side) for spec in specs]
    shapes = {spec.name: (count,) for spec, count in zip(specs, units, strict=True)}
    return _serialised(graph, size, shapes)


def backbone_graph(bundle: Bundle, cut: str) -> bytes:
    """The graph of a bundle's backbone: `crops` as above → `features`, what the pooling `cut`
    ("pool1" to "pool5") puts out, float32 (N, s, s, channels). Raises BundleIncompatible.
    """
    size, blocks = bundle.manifest["input_size"], int(cut.removeprefix("pool"))
    graph = _Graph(bundle.tensors)
    pooled = _backbone(graph, blocks)
    graph.add("Transpose", pooled, name=_FEATURES, perm=[0, 2, 3, 1])
    side, channels = size // 2**blocks, list(BLOCKS[blocks - 1].values())[-1]
    return _serialised(graph, size, {_FEATURES: (side, side, channels)})


def _serialised(graph: "_Graph", size: int, outputs: Mapping[str, tuple[int, ...]]) -> bytes:
    """`outputs`: the shape of each, without the number of crops."""
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            _NAME,
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", size, size, 3])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
                for name, shape in outputs.items()
            ],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="FaceRoute",
    )
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """A graph under construction. Values go by name; `channels` and `width` are those of the
    last layer."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output, which is called `name`; that name."""
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Values that are float32 where they are used, and kept as they are."""
        stored = name if values.dtype == np.float32 else f"{name}/stored"
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), stored)
        self.weights.append(tensor)
        return name if stored == name else self.add("Cast", stored, name=name, to=TensorProto.FLOAT)

    def tensor(self, name: str, shape: Sequence[int]) -> NDArray[Any]:
        """One of the bundle's. Raises BundleIncompatible where it is missing or does not fit."""
        found = self._tensors.get(name)
        if found is None:
            raise BundleIncompatible("tensor_missing", name=name)
        if found.shape != tuple(shape):
            shapes = {"found": str(found.shape), "wanted": str(tuple(shape))}
            raise BundleIncompatible("tensor_shape", name=name, **shapes)
        return found


def _backbone(graph: _Graph, blocks: int = len(BLOCKS)) -> str:
    """From crops to the pooling that ends so many blocks, channels first."""
    mean = graph.constant("mean", np.array(MEAN_RGB, np.float32))
    top = graph.add("Sub", graph.add("Cast", INPUT, to=TensorProto.FLOAT), mean)
    top = graph.add("Transpose", top, perm=[0, 3, 1, 2])
    channels = 3
    for number, block in enumerate(BLOCKS[:blocks], start=1):
        for name, wanted in block.items():
            kernel = graph.tensor(f"{name}/kernel", (3, 3, channels, wanted))
            if channels == 3:
                kernel = kernel[:, :, ::-1]  # it was trained on blue before green before red
            weights = graph.constant(f"{name}/kernel", kernel.transpose(3, 2, 0, 1))
            bias = graph.constant(f"{name}/bias", graph.tensor(f"{name}/bias", (wanted,)))
            top = graph.add("Conv", top, weights, bias, name=name, pads=[1] * 4)
            top, channels = graph.add("Relu", top), wanted
        window = {"kernel_shape": [2, 2], "strides": [2, 2]}
        top = graph.add("MaxPool", top, name=f"pool{number}", **window)
    return top


def _head(graph: _Graph, spec: HeadSpec, pool5: str, side: int) -> int:
    """From `pool5`, channels first, to a head's output; how many units that has."""
    channels = list(BLOCKS[-1].values())[-1]
    if spec.pooling == "flatten":
        top = graph.add("Transpose", pool5, perm=[0, 2, 3, 1])  # as its weights were trained
        width = side * side * channels
    else:
        pooled = [graph.add(f"Global{kind}Pool", pool5) for kind in ("Max", "Average")]
        top, width = graph.add("Concat", *pooled, axis=1), 2 * channels
    top = graph.add("Flatten", top, axis=1)
    for layer in spec.layers:
        if "dense" in layer:
            top, width = _dense(graph, spec, layer, top, width)
    graph.add("Identity", top, name=spec.name)
    return width


def _dense(
    graph: _Graph, spec: HeadSpec, layer: Mapping[str, Any], top: str, width: int
) -> tuple[str, int]:
    """A layer over a top of some width; its output and the width of that."""
    name, units = f"{spec.name}/{layer['name']}", int(layer["dense"])
    kernel = graph.constant(f"{name}/kernel", graph.tensor(f"{name}/kernel", (width, units)))
    bias = graph.constant(f"{name}/bias", graph.tensor(f"{name}/bias", (units,)))
    top = graph.add("Gemm", top, kernel, bias, name=name)
    activation = layer.get("activation", "linear")
    if activation != "linear":
        top = graph.add(_ACTIVATIONS[activation], top)
    return top, units
