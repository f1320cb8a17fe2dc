"""A version for OpenVINO and for other programs: its network as ONNX, and what to know of it.

Both files lie in the bundle's folder and are no part of the bundle: they are made of it, can be
made again, and have a checksum of their own.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vision.crops.alignment import TEMPLATE
from vision.crops.reading import Reading
from vision.durable_files import replace_durably, sync_folder
from vision.heads.specs import HeadSpec, parse_heads

from .bundle import WEIGHTS, Bundle

logger = logging.getLogger(__name__)

GRAPH = "model.onnx"
ABOUT = "model.json"
_FORMAT_VERSION = 1
_INPUT = {
    "dtype": "uint8",
    "layout": "image, row, column, channel",
    "channels": "red, green, blue",
}
_LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner")
_TOLD = ("name", "input_size", "heads", "alignment", "reading", "licence")  # of a manifest
_IN_GRAPH = ("pooling", "layers")  # of a head


def write_export(folder: Path, bundle: Bundle) -> None:
    """Export a bundle to its folder. Imports ONNX, and no TensorFlow.

    Raises BundleIncompatible where it has no heads or tensors do not fit, and OSError.
    """
    from .onnx_graph import INPUT, onnx_graph

    graph = onnx_graph(bundle)
    about = _about(bundle.manifest, INPUT, graph)
    replace_durably(folder / GRAPH, graph)
    # The graph is there when this says so.
    replace_durably(folder / ABOUT, (json.dumps(about, indent=2) + "\n").encode())
    sync_folder(folder)


def read_export(folder: Path, manifest: Mapping[str, Any]) -> bytes | None:
    """The verified graph of the bundle in a folder; None where it has none, or that of another."""
    about = _valid_about(folder, manifest)
    if about is None:
        return None
    try:
        graph = (folder / GRAPH).read_bytes()
    except OSError as error:
        logger.warning("The export of “%s” cannot be read: %s", folder.name, error)
        return None
    if hashlib.sha256(graph).hexdigest() != about["graph"]["sha256"]:
        logger.warning("The export of “%s” is damaged.", folder.name)
        return None
    return graph


def is_exported(folder: Path, manifest: Mapping[str, Any], graph_bytes: int | None = None) -> bool:
    """Whether the bundle in a folder has its export, by the size of the file alone.

    `graph_bytes`: that size, where the file is elsewhere.
    """
    return _valid_about(folder, manifest, graph_bytes) is not None


def _valid_about(
    folder: Path, manifest: Mapping[str, Any], graph_bytes: int | None = None
) -> dict[str, Any] | None:
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
        size = graph_bytes or (folder / GRAPH).stat().st_size
        told = about["made_of"], about["graph"]["bytes"]
        is_valid = told == (_made_of(manifest), size) and bool(about["graph"]["sha256"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return about if is_valid else None


def _made_of(manifest: Mapping[str, Any]) -> str:
    """Names the weights and all that is told of them: with another name, an export is of something
    else."""
    facts = [_FORMAT_VERSION, manifest["files"][WEIGHTS]["sha256"]]
    facts += [manifest.get(key) for key in _TOLD]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _about(manifest: Mapping[str, Any], crops: str, graph: bytes) -> dict[str, Any]:
    """All that a program has to know to run the graph and to read what it says."""
    size = manifest["input_size"]
    return {
        "name": manifest["name"],
        "licence": manifest.get("licence"),
        "graph": {
            "file": GRAPH,
            "bytes": len(graph),
            "sha256": hashlib.sha256(graph).hexdigest(),
        },
        "input": {"name": crops, "shape": ["N", size, size, 3], **_INPUT},
        "framing": {
            "alignment": manifest.get("alignment"),
            "landmarks": dict(zip(_LANDMARKS, TEMPLATE.tolist(), strict=True)),
        },
        "reading": Reading.of(manifest).as_json(),
        "outputs": {spec.name: _output(spec) for spec in parse_heads(manifest)},
        "made_of": _made_of(manifest),
    }


def _output(spec: HeadSpec) -> dict[str, Any]:
    """What an output is and how it is read, by the names of a manifest."""
    units = int(spec.layers[-1]["dense"])
    told = {key: value for key, value in spec.as_json().items() if key not in _IN_GRAPH}
    return {"shape": ["N", units], "dtype": "float32", **told}
