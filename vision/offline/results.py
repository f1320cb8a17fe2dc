"""What comes back from a borrowed machine: at no moment more than eight files in one flat folder.

`result.json` says what they are: recipe, data, manifest, figures, and the sums of the weights'
parts. `weights-N-P.safetensors` are the parts of the best weights so far, two of them, each below
16 MiB; `curves.json` holds the figures of every epoch, `log.txt` what happened. Each file is
replaced whole or not at all, and a part is deleted only when `result.json` speaks of newer ones, so
that a kill leaves the last best; what it leaves beside them goes when the training goes on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vision.bundles.bundle import Bundle, recorded
from vision.durable_files import replace_durably

from ..diskspace import full_disk_in_words
from ..errors import VisionError
from ..training.progress import FitProgress, Metrics
from .clock import RESULT

FORMAT_VERSION = 1
CURVES = "curves.json"
_FACTS = ("parcel", "device", "libraries", "recipe", "seconds", "complete", "manifest")
_PART_BYTES = 15 * 2**20  # of tensors; what is around them is little

Tensors = Mapping[str, NDArray[Any]]


class ResultUnusable(VisionError):
    """A folder that should hold a training's result does not, or not whole."""

    code = "result_unusable"


@dataclass(frozen=True)
class Result:
    """What came back: `about` is `result.json`, `bundle` its best weights, not calibrated,
    `history` the figures of every epoch by phase."""

    about: dict[str, Any]
    bundle: Bundle
    history: dict[str, list[Metrics]]


class ResultFolder:
    """Where a training writes as it goes on; `about` is what `result.json` says of it from the
    beginning."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self._folder = folder
        self._about = dict(about)
        self._history: dict[str, list[Metrics]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._tidy()

    @property
    def has_result(self) -> bool:
        return (self._folder / RESULT).exists()

    def add_epoch(self, progress: FitProgress) -> None:
        """Keep the figures of an epoch that a training has told of. Raises DiskFull."""
        epochs = self._history.setdefault(progress.phase, [])
        epochs[progress.epoch - 1 :] = [progress.metrics]
        self._replace(CURVES, json.dumps(self._history, indent=1).encode())

    def keep(self, bundle: Bundle, **facts: Any) -> None:
        """Make weights the result, and `facts` what is said of them. Raises DiskFull."""
        before = self._parts()
        number = 1 + max((int(name.split("-")[1]) for name in before), default=0)
        parts = {}
        for place, tensors in enumerate(_divided(bundle.tensors), start=1):
            name, data = f"weights-{number}-{place}.safetensors", save(dict(tensors))
            self._replace(name, data)
            parts[name] = recorded(data)
        told = {"manifest": bundle.manifest, "parts": parts, **facts}
        about = {"format_version": FORMAT_VERSION, **self._about, **told}
        self._replace(RESULT, json.dumps(about, indent=1).encode())
        for name in before:
            (self._folder / name).unlink()

    def _tidy(self) -> None:
        """Delete what a kill has left half-done."""
        told: Mapping[str, Any] = {}
        if self.has_result:
            told = json.loads((self._folder / RESULT).read_text())["parts"]
        left = [name for name in self._parts() if name not in told]
        for file in (*self._folder.glob("*.unfinished"), *map(self._folder.joinpath, left)):
            file.unlink()

    def _parts(self) -> list[str]:
        return [file.name for file in self._folder.glob("weights-*-*.safetensors")]

    def _replace(self, name: str, data: bytes) -> None:
        with full_disk_in_words():
            replace_durably(self._folder / name, data)


def read_result(folder: Path) -> Result:
    """What a training has left in a folder, verified. Raises ResultUnusable."""
    try:
        about = json.loads((folder / RESULT).read_text())
        history = json.loads((folder / CURVES).read_text())
        version, parts = about["format_version"], about["parts"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ResultUnusable(name=folder.name) from error
    if version != FORMAT_VERSION:
        raise ResultUnusable("version")
    if missing := [fact for fact in _FACTS if fact not in about]:
        raise ResultUnusable("facts", name=RESULT, missing=missing)
    tensors: dict[str, NDArray[Any]] = {}
    for name, told in parts:
        tensors |= _part(folder / Path(name).name, told)
    return Result(about, Bundle(about["manifest"], tensors), history)


def _part(file: Path, told: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    try:
        data = file.read_bytes()
        if recorded(data) != told:
            raise ValueError("The checksums differ.")
        return dict(load(data))
    except (OSError, ValueError, SafetensorError) as error:
        raise ResultUnusable("file", name=file.name) from error


def _divided(tensors: Tensors) -> list[dict[str, NDArray[Any]]]:
    """Tensors in as few parts of at most `_PART_BYTES` as placing the largest first makes, as
    float16 where they have several axes: what is a number a channel stays as it is."""
    small = {
        name: np.ascontiguousarray(values.astype(np.float16) if values.ndim > 1 else values)
        for name, values in tensors.items()
    }
    parts: list[dict[str, NDArray[Any]]] = []
    room: list[int] = []
    for name in sorted(small, key=lambda name: -small[name].nbytes):
        size = small[name].nbytes
        place = next((i for i, left in enumerate(room) if size <= left), len(parts))
        if place == len(parts):
            parts.append({})
            room.append(_PART_BYTES)
        parts[place][name] = small[name]
        room[place] -= size
    return parts
