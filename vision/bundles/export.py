"""A version for OpenVINO and for other programs: its network as ONNX, and what to know of it.

Both files lie in the bundle's folder and are no part of the bundle: they are made of it, can be
made again, and have a checksum of their own.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from vision.crops.alignment import TEMPLATE
from vision.crops.reading import Reading
from vision.durable_files import replace_durably, sync_folder
from vision.heads.specs import HeadSpec, parse_heads

from .bundle import WEIGHTS, Bundle, recorded

logger = logging.getLogger(__name__)

GRAPH = "model.onnx"
ABOUT = "model.json"
FILES = (ABOUT, GRAPH)
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
    """The verified graph of the bundle in a folder; None where it has none.

    What is none of this bundle is removed with a warning, so that it does not count as one.
    """
    if not (folder / ABOUT).exists():
        return None
    about, graph = _valid_about(folder, manifest), b""
    with suppress(OSError):
        graph = (folder / GRAPH).read_bytes()
    if about and about["graph"] == _record(graph):
        return graph
    logger.warning(
        "The export of “%s” cannot be read, is damaged or was made of something else. Until it is "
        "exported again, its weights are used directly.",
        folder.name,
    )
    with suppress(OSError):
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    return None


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
        is_valid = told == (_made_of(manifest, about["graph"]), size)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return about if is_valid else None


def _record(graph: bytes) -> dict[str, Any]:
    return {"file": GRAPH, **recorded(graph)}


def _made_of(manifest: Mapping[str, Any], graph: Mapping[str, Any]) -> str:
    """Binds a graph, as recorded, to the weights it was made of and all that is told of them: with
    another sum, one of the two is of something else."""
    facts = [_FORMAT_VERSION, graph, manifest["files"][WEIGHTS]["sha256"]]
    facts += [manifest.get(key) for key in _TOLD]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _about(manifest: Mapping[str, Any], crops: str, graph: bytes) -> dict[str, Any]:
    """All that a program has to know to run the graph and to read what it says."""
    size, record = manifest["input_size"], _record(graph)
    return {
        "name": manifest["name"],
        "licence": manifest.get("licence"),
        "graph": record,
        "input": {"name": crops, "shape": ["N", size, size, 3], **_INPUT},
        "framing": {
            "alignment": manifest.get("alignment"),
            "landmarks": dict(zip(_LANDMARKS, TEMPLATE.tolist(), strict=True)),
        },
        "reading": Reading.of(manifest).as_json(),
        "outputs": {spec.name: _output(spec) for spec in parse_heads(manifest)},
        "made_of": _made_of(manifest, record),
    }


def _output(spec: HeadSpec) -> dict[str, Any]:
    """What an output is and how it is read, by the names of a manifest."""
    units = int(spec.layers[-1]["dense"])
    told = {key: value for key, value in spec.as_json().items() if key not in _IN_GRAPH}
    return {"shape": ["N", units], "dtype": "float32", **told}
