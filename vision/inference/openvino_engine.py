"""The engine on OpenVINO: what serves on a CPU, without TensorFlow."""

from collections.abc import Collection

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES
from vision.backbone.precision import check_precision, cpu_has
from vision.bundles.bundle import Bundle

from .base import BaseEngine, Outputs

_DEVICE = "CPU"
_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class OpenVinoEngine(BaseEngine):
    """As `vision.inference.engine.Engine`; the same to 1e-4 in float32."""

    # Any size up to the last runs as it is, and costs some 10 ms more the first time. More at once
    # are no faster and take more memory.
    batch_sizes = (1, 8)

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
        core = ov.Core()
        self.precision = _choose_precision(precision)
        model = core.read_model(_graph_of(bundle) if graph is None else graph)
        wanted = [model.output(spec.name) for spec in self.specs]
        self._network = core.compile_model(
            ov.Model(wanted, model.get_parameters()),
            _DEVICE,
            {"INFERENCE_PRECISION_HINT": _HINTS[self.precision], "PERFORMANCE_HINT": "LATENCY"},
        )

    def _run(self, crops: NDArray[np.uint8]) -> Outputs:
        results = self._network(np.ascontiguousarray(crops))
        return {spec.name: results[index] for index, spec in enumerate(self.specs)}


def _graph_of(bundle: Bundle) -> bytes:
    from vision.bundles.onnx_graph import onnx_graph

    return onnx_graph(bundle)


def _choose_precision(wanted: str) -> str:
    """The precision wanted, or else bfloat16 where it is faster: with AMX, and not by AVX512 alone
    (docs/experiments/engine.md)."""
    check_precision(wanted)
    if wanted != "auto":
        return wanted
    return "bfloat16" if cpu_has("amx_bf16") else "float32"
