"""The state of a training that survives its process, in one file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vision.durable_files import replace_durably

from ..diskspace import full_disk_in_words
from ..errors import VisionError

Tensors = dict[str, NDArray[Any]]


class CheckpointUnusable(VisionError):
    """What a run left behind cannot be gone on from."""

    code = "checkpoint_unusable"


@dataclass
class Checkpoint:
    """How far a training is (plain JSON), its best weights, and what it goes on with.

    `network` and `optimizer` are the values of all variables of either, `average` the averaged
    weights, `losses` the sums of the losses of the epoch that it is in. Arrays, or whatever can be
    made arrays of.
    """

    state: dict[str, Any]
    best: Sequence[Any]
    network: Sequence[Any] = field(default_factory=list)
    optimizer: Sequence[Any] = field(default_factory=list)
    average: Sequence[Any] = field(default_factory=list)
    losses: Sequence[Any] = field(default_factory=list)


_GROUPS = tuple(one.name for one in fields(Checkpoint) if one.name != "state")


def save_checkpoint(file: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint whole or not at all. Raises DiskFull.

    What was written in vain is deleted, so that there is room to record that the disk is full.
    """
    from keras import ops

    tensors = {
        f"{name}/{i}": np.asarray(ops.convert_to_numpy(values), order="C")
        for name in _GROUPS
        for i, values in enumerate(getattr(checkpoint, name))
    }
    record = json.dumps(checkpoint.state)
    data = save(tensors, {"record": record, "sha256": _checksum(record, tensors)})
    with full_disk_in_words():
        replace_durably(file, data)


def load_checkpoint(file: Path, phase: str) -> Checkpoint | None:
    """None where there is no checkpoint yet. Raises CheckpointUnusable.

    Those of before, which have no checksum, and one kind for heads and one for whole networks, are
    read too; `phase` is the only one that a training of heads has.
    """
    if not file.exists():
        return None
    try:
        with safe_open(file, "numpy") as saved:
            written: dict[str, str] = saved.metadata()
            tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
        text = written["record"]
        if "sha256" in written and written["sha256"] != _checksum(text, tensors):
            raise ValueError("The checksums differ.")
        record: dict[str, Any] = json.loads(text)
        if "best_loss" in record:
            return _of_heads(record, tensors, phase)
        groups = {name: _group(tensors, name) for name in _GROUPS}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointUnusable(name=file.name) from error
    # Of before: the sums of the losses stood here, and every epoch counts from where it went on;
    # that a training had finished was told by what was no longer there.
    record.pop("losses", None)
    record.setdefault("finished", not groups["network"])
    return Checkpoint(record, **groups)


def _checksum(record: str, tensors: Tensors) -> str:
    """SHA-256 of what a checkpoint holds, whatever order its file has it in."""
    digest = hashlib.sha256(record.encode())
    for name, values in sorted(tensors.items()):
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _of_heads(record: Mapping[str, Any], tensors: Tensors, phase: str) -> Checkpoint:
    """A checkpoint of before, of heads on features. Among its best values are the states of random
    generators, which are no weights."""
    known = ("epoch", "best_epoch", "finished")
    state = {key: record[key] for key in known} | {"history": {phase: record["history"]}}
    best = [values for values in _group(tensors, "best") if values.dtype.kind == "f"]
    return Checkpoint(state, best, _group(tensors, "model"), _group(tensors, "optimizer"))


def _group(tensors: Tensors, name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(f"{name}/") for key in tensors)
    return [tensors[f"{name}/{i}"] for i in range(count)]
