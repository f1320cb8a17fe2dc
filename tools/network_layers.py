"""Where a batch's time goes in the network, layer by layer: docs/performance.md.

    .venv/bin/python tools/network_layers.py [PRECISION] [ROUNDS]

The shipped model at 224 pixels in batches of 8, on OpenVINO, which measures its own layers; the
median of the rounds. GFLOP/s are of the convolutions, 3 x 3 with as many pixels out as in.
"""

import argparse
import sys
from pathlib import Path
from statistics import median

import numpy as np
import openvino as ov

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from vision.benchmark.networks import BATCH, LARGE, at  # noqa: E402
from vision.bundles.bundle import load_bundle  # noqa: E402
from vision.bundles.onnx_graph import onnx_graph  # noqa: E402

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_CHANNELS = (64, 128, 256, 512, 512)  # of VGG16's five blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("precision", nargs="?", choices=[*_HINTS], default="float32")
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    options = parser.parse_args()
    precision = options.precision
    layers = _layers(precision, options.rounds)
    whole = sum(layers.values())
    lines = [f"{precision}, a batch of {BATCH}: {whole:.1f} ms in its layers", ""]
    lines += ["| layer | ms | share | GFLOP/s |", "|---|---|---|---|"]
    for name, milliseconds in layers.items():
        work = _operations(name)
        rate = f"{work / milliseconds / 1e6:.0f}" if work else ""
        lines.append(f"| {name} | {milliseconds:.2f} | {milliseconds / whole:.1%} | {rate} |")
    sys.stdout.write("\n".join([*lines, ""]))


def _layers(precision: str, rounds: int) -> dict[str, float]:
    """Milliseconds by layer; what is not a convolution under the name of its kind."""
    bundle = at(load_bundle(ROOT / "weights" / "starter"), LARGE)
    core = ov.Core()
    network = core.compile_model(
        core.read_model(onnx_graph(bundle)),
        "CPU",
        {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERF_COUNT": True},
    )
    request = network.create_infer_request()
    crops = np.random.default_rng(0).integers(0, 256, (BATCH, LARGE, LARGE, 3), np.uint8)
    seen: list[dict[str, float]] = []
    for _round in range(rounds + 1):
        request.infer([crops], share_inputs=True)
        seen.append(_by_name(request))
    return {name: median(one.get(name, 0.0) for one in seen[1:]) for name in seen[-1]}


def _by_name(request: ov.InferRequest) -> dict[str, float]:
    found: dict[str, float] = {}
    for layer in request.profiling_info:
        milliseconds = layer.real_time.total_seconds() * 1e3
        name = layer.node_name.split("/")[0] if layer.node_type == "Convolution" else ""
        name = name if name.startswith("conv") else layer.node_type
        if milliseconds:
            found[name] = found.get(name, 0.0) + milliseconds
    return found


def _operations(name: str) -> float:
    """Of a batch in a convolution of VGG16, by its name, such as conv3_2; 0 for anything else."""
    if not name.startswith("conv"):
        return 0.0
    block, place = (int(part) for part in name.removeprefix("conv").split("_"))
    to = _CHANNELS[block - 1]
    before = _CHANNELS[block - 2] if block > 1 else 3
    side = LARGE // (1 << (block - 1))
    return 2.0 * BATCH * side**2 * 9 * (before if place == 1 else to) * to


if __name__ == "__main__":
    main()
