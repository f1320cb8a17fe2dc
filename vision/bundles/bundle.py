"""Model bundles on disk: `manifest.json` and `weights.safetensors` in one folder.

A bundle appears whole or not at all, and what is loaded is what was saved: sizes and SHA-256
sums are checked before a single weight is used. Nothing is ever unpickled.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as dump_tensors

from vision.durable_files import sync_folder, write_durably
from vision.errors import BundleCorrupt, BundleError, BundleIncompatible, BundleMissing

from . import trained_on as lists
from .trained_on import TrainedOn

FORMAT_VERSION = 1
ARCHITECTURES: tuple[str, ...] = ("vgg16",)
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
TRAINED_ON = "trained_on.safetensors"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its manifest and its tensors by name (float16 or float32).

    `trained_on`: the images it has learnt from; None where that cannot be told.
    """

    manifest: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    trained_on: TrainedOn | None = None


def save_bundle(
    folder: Path,
    manifest: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    documents: Mapping[str, str] | None = None,
    trained_on: TrainedOn | None = None,
) -> None:
    """Write a bundle so that `folder` either holds it whole or does not exist.

    `manifest` needs at least `name`, `architecture`, `input_size` and `heads`; the format
    version and the checksums are added here. `documents` are further text files, such as a model
    card. Raises BundleError where `folder` exists already.
    """
    data = dump_tensors({name: np.ascontiguousarray(values) for name, values in tensors.items()})
    whole = {**manifest, "format_version": FORMAT_VERSION, "files": {WEIGHTS: recorded(data)}}
    contents = {WEIGHTS: data}
    if trained_on is not None:
        whole, contents[TRAINED_ON] = _with_list(whole, trained_on)
    _check_manifest(whole)
    contents[MANIFEST] = _written(whole)
    contents |= {name: text.encode() for name, text in (documents or {}).items()}

    if folder.exists():
        raise BundleError("name_taken", name=folder.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in contents.items():
            write_durably(unfinished / name, content)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle, its weights unread.

    Raises BundleMissing, BundleCorrupt, BundleIncompatible.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BundleMissing("folder", name=folder.name) from None
    try:
        manifest = json.loads(text)
    except ValueError:
        raise BundleCorrupt("manifest", name=folder.name) from None
    _check_manifest(manifest)
    whole: dict[str, Any] = manifest
    return whole


def load_bundle(folder: Path) -> Bundle:
    """A bundle with verified weights. Raises BundleMissing, BundleCorrupt, BundleIncompatible."""
    manifest = read_manifest(folder)
    try:
        data = (folder / WEIGHTS).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BundleCorrupt("weights_lost", name=folder.name) from None
    if recorded(data) != manifest["files"][WEIGHTS]:
        raise BundleCorrupt("weights_differ", name=folder.name)
    try:
        return Bundle(manifest, load_tensors(data), read_trained_on(folder, manifest))
    except SafetensorError:
        raise BundleCorrupt("weights", name=folder.name) from None


def read_trained_on(folder: Path, manifest: Mapping[str, Any]) -> TrainedOn | None:
    """The images that the bundle in a folder has learnt from; None where that cannot be told.

    Raises BundleCorrupt.
    """
    if TRAINED_ON not in manifest["files"]:
        return None
    try:
        data = (folder / TRAINED_ON).read_bytes()
        if recorded(data) != manifest["files"][TRAINED_ON]:
            raise ValueError("The checksums differ.")
        return lists.read(data, manifest["trained_on"])
    except (OSError, ValueError, KeyError):
        raise BundleCorrupt("trained_on", name=folder.name) from None


def add_trained_on(folder: Path, trained_on: TrainedOn) -> dict[str, Any]:
    """Put a list of what it has learnt from into a bundle that is there; its manifest as it is
    then. A bundle that was cut off in between is as it was before.

    Raises BundleMissing, BundleCorrupt, BundleIncompatible.
    """
    whole, data = _with_list(read_manifest(folder), trained_on)
    for name, content in ((TRAINED_ON, data), (MANIFEST, _written(whole))):
        unfinished = folder / f".{name}"
        write_durably(unfinished, content)
        unfinished.replace(folder / name)
    sync_folder(folder)
    return whole


def _with_list(manifest: Mapping[str, Any], trained_on: TrainedOn) -> tuple[dict[str, Any], bytes]:
    """A manifest that names a list, and the list's file."""
    data = trained_on.as_bytes()
    files = {**manifest["files"], TRAINED_ON: recorded(data)}
    return {**manifest, "trained_on": trained_on.about(), "files": files}, data


def recorded(data: bytes) -> dict[str, Any]:
    """What is kept of a file, to know it again: its `bytes` and its `sha256`, in hexadecimal."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _written(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2) + "\n").encode()


def copy_bundle(source: Path, target: Path) -> dict[str, Any]:
    """Verify a bundle and copy it, atomically, to a folder that does not exist yet.

    Returns the manifest. Raises BundleError and its kinds.
    """
    bundle = load_bundle(source)
    documents = {path.name: path.read_text() for path in source.glob("*.md") if path.is_file()}
    save_bundle(
        target,
        bundle.manifest,
        bundle.tensors,
        documents=documents,
        trained_on=bundle.trained_on,
    )
    return bundle.manifest


def _check_manifest(manifest: Any) -> None:
    """Raises BundleCorrupt where it is no manifest, BundleIncompatible where it is another's."""
    if not isinstance(manifest, Mapping):
        raise BundleCorrupt("manifest_kind")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleIncompatible("format", found=repr(version), known=FORMAT_VERSION)
    if manifest.get("architecture") not in ARCHITECTURES:
        raise BundleIncompatible("architecture", found=str(manifest.get("architecture")))
    size = manifest.get("input_size")
    weights = (
        manifest.get("files", {}).get(WEIGHTS)
        if isinstance(manifest.get("files"), Mapping)
        else None
    )
    if (
        not isinstance(size, int)
        or not isinstance(manifest.get("heads"), Mapping)
        or not isinstance(weights, Mapping)
        or not {"bytes", "sha256"} <= weights.keys()
    ):
        raise BundleCorrupt("manifest_lacks")
    if not 48 <= size <= 1024:
        raise BundleIncompatible("input_size", size=size)
