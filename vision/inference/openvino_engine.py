"""The engine on OpenVINO: what serves on a CPU, without TensorFlow."""

from collections.abc import Callable, Collection

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES
from vision.backbone.precision import check_precision, cpu_has
from vision.bundles.bundle import Bundle
from vision.types import INT8

from .base import BaseEngine, Outputs
from .int8 import quantised

_DEVICE = "CPU"
_MOST_CROPS = 8  # at a time
# What is not rounded to integers is computed in float32.
_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", INT8: "f32"}


class OpenVinoEngine(BaseEngine):
    """As `vision.inference.engine.Engine`; the same to 1e-4 in float32."""

    # Any size up to the last runs as it is, and costs some 10 ms more the first time. More at once
    # are no faster and take more memory.
    batch_sizes = (1, _MOST_CROPS)

    def __init__(
        self,
        bundle: Bundle,
        *,
        heads: Collection[str] = ATTRIBUTES,
        precision: str = "auto",
        graph: bytes | None = None,
    ) -> None:
        """`graph` is the bundle's export (`vision.bundles.export`); without it, it is made here.

        Raises BundleIncompatible; ValueError for the precision.
        """
        super().__init__(bundle, heads=heads)
        self.precision = choose_cpu_precision(precision)
        core = ov.Core()
        model = core.read_model(_graph_of(bundle) if graph is None else graph)
        if self.precision == INT8:
            quantised(core, model, self.input_size)
        wanted = [model.output(spec.name) for spec in self.specs]
        self._network = _compiled(core, ov.Model(wanted, model.get_parameters()), self.precision)

    def _run(self, crops: NDArray[np.uint8]) -> Outputs:
        results = self._network(np.ascontiguousarray(crops))
        return {spec.name: results[index] for index, spec in enumerate(self.specs)}


def load_backbone(
    bundle: Bundle, cut: str, precision: str
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A bundle's backbone: crops (N, S, S, 3) RGB → what its pooling `cut` ("pool4", "pool5") puts
    out, float32 (N, s, s, 512). Raises BundleIncompatible.
    """
    from vision.bundles.onnx_graph import backbone_graph

    core = ov.Core()
    network = _compiled(core, core.read_model(backbone_graph(bundle, cut)), precision)

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = range(0, len(crops), _MOST_CROPS)
        found = [network(np.ascontiguousarray(crops[i : i + _MOST_CROPS]))[0] for i in parts]
        return np.concatenate(found)

    return run


def _compiled(core: ov.Core, model: ov.Model, precision: str) -> ov.CompiledModel:
    hints = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(model, _DEVICE, hints)


def _graph_of(bundle: Bundle) -> bytes:
    from vision.bundles.onnx_graph import onnx_graph

    return onnx_graph(bundle)


def choose_cpu_precision(wanted: str) -> str:
    """The precision wanted, or else bfloat16 where it is faster: with AMX, and not by AVX512 alone
    (docs/experiments/engine.md)."""
    check_precision(wanted)
    if wanted != "auto":
        return wanted
    return "bfloat16" if cpu_has("amx_bf16") else "float32"
