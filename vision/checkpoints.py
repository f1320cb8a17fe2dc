"""The state of a training that survives its process: tensors and a record in one file."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .artifacts import write_durably
from .diskspace import DiskFull, full_disk_in_words
from .errors import VisionError
from .reading import AS_THEY_ARE, Reading


class CheckpointUnusable(VisionError):
    """What a run left behind cannot be gone on from."""

    code = "checkpoint_unusable"


def claim_folder(folder: Path, whose: Mapping[str, Any]) -> None:
    """Make a folder the one of a training, which `whose` tells from all others.

    Raises CheckpointUnusable where it is that of another training already; DiskFull.
    """
    text = json.dumps(whose, sort_keys=True, indent=2)
    file = folder / "training.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        with full_disk_in_words():
            write_durably(file, text.encode())
    elif file.read_text() != text:
        raise CheckpointUnusable(
            "The folder holds a training with another recipe, other images or another trunk. "
            "Please start a new one."
        )


def settled_readings(
    folder: Path, sizes: Iterable[int], measure: Callable[[int], Reading]
) -> dict[int, Reading]:
    """How the training in a folder reads its crops at each size: measured once, then kept there.

    One whose checkpoint is older than readings goes on with crops as they are. Raises what
    `measure` raises; DiskFull.
    """
    file = folder / "readings.json"
    if file.exists():
        kept = json.loads(file.read_text())
        return {int(size): Reading.from_json(reading) for size, reading in kept.items()}
    if any(folder.glob("*.safetensors")):
        return dict.fromkeys(sizes, AS_THEY_ARE)
    readings = {size: measure(size) for size in sizes}
    text = json.dumps({size: reading.as_json() for size, reading in readings.items()})
    with full_disk_in_words():
        unfinished = file.with_suffix(".unfinished")
        write_durably(unfinished, text.encode())
        unfinished.replace(file)
    return readings


def save_checkpoint(
    file: Path, tensors: Mapping[str, NDArray[Any]], record: Mapping[str, Any]
) -> None:
    """Replace the checkpoint whole or not at all. Raises DiskFull.

    What was written in vain is deleted, so that there is room to record that the disk is full.
    """
    data = save(
        {name: np.asarray(values, order="C") for name, values in tensors.items()},
        {"record": json.dumps(record)},
    )
    unfinished = file.with_suffix(".unfinished")
    try:
        with full_disk_in_words():
            write_durably(unfinished, data)
            unfinished.replace(file)
    except DiskFull:
        unfinished.unlink(missing_ok=True)
        raise


def load_checkpoint(file: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Tensors and record; None where there is no checkpoint yet. Raises CheckpointUnusable."""
    if not file.exists():
        return None
    try:
        with safe_open(file, "numpy") as saved:
            record: dict[str, Any] = json.loads(saved.metadata()["record"])
            return {name: saved.get_tensor(name) for name in saved.keys()}, record  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointUnusable(
            f"The checkpoint {file.name} is damaged. Please start the run anew."
        ) from error


def numbered(**groups: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Groups of arrays as the tensors of a checkpoint; `group` takes one out again."""
    return {f"{name}/{i}": one for name, group in groups.items() for i, one in enumerate(group)}


def group(tensors: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(f"{name}/") for key in tensors)
    return [tensors[f"{name}/{i}"] for i in range(count)]


def variable_values(variables: Sequence[Any]) -> list[NDArray[Any]]:
    """Copies of what Keras variables hold."""
    return [np.array(variable.numpy()) for variable in variables]


def assign_values(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    """Give Keras variables the values of `variable_values`."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
