"""Small trainings that are killed by SIGKILL where it could hurt, gone on with, and compared.

`python -m tests.vision.killed_here KIND FOLDER POINT…` trains a whole network (`network`) or heads
on features (`heads`) on whichever Keras backend the process has: undisturbed, and once for every
point that is named, where it is killed and then called again; at no point of POINTS it is trained
once more. Each is a process of its own, forked before the backend has begun. Told in JSON, by
point: the exit statuses, and what differs from the undisturbed training.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from tests.vision.training_set import make_curated, small_backbone
from vision.training import trainer
from vision.training.head_recipes import HEAD_RECIPES
from vision.training.head_training import Fitted, fit
from vision.training.network_recipes import NETWORK_RECIPES, Stage
from vision.training.network_training import Trained, train_network
from vision.training.progress import FitProgress

NETWORK = NETWORK_RECIPES["starter-gpu"].with_changes(
    stages=(Stage(48, 2, 8),), learning_rate=3e-3, average=0.8
)
HEADS = HEAD_RECIPES["full"].with_changes(
    heads=["gender"], epochs=2, batch=8, mirror=False, learning_rate=0.03
)
TRAIN, VALIDATION = 40, 20


@dataclass(frozen=True)
class Point:
    """A function of the product, by its module and its name there; the process is killed before the
    `count`-th of its calls that `counts` tells, or after it."""

    module: str
    name: str
    count: int
    after: bool
    counts: Callable[..., bool] = lambda *_args, **_named: True


def _third_step(self: Any, *_others: Any) -> bool:
    return bool(self._state.step == 3)


def _last_step(self: Any, *_others: Any) -> bool:
    return bool(self._state.step + 1 == self._plan[self._state.epoch].phase.steps)


def _checkpoint(path: Path, *_others: Any) -> bool:
    return path.stem in ("network", "gender")


TRAINER = "vision.training.trainer"
POINTS = {
    "in the middle of an epoch": Point(TRAINER, "Trainer.after_steps", 2, True, _third_step),
    "after the last step of an epoch": Point(TRAINER, "Trainer.after_steps", 2, True, _last_step),
    "during validation": Point("vision.training.progress", "validation_figures", 3, False),
    "before a checkpoint": Point(TRAINER, "save_checkpoint", 3, False),
    "before a checkpoint has its name": Point(
        "vision.durable_files", "write_durably", 3, True, _checkpoint
    ),
    "after a checkpoint": Point(TRAINER, "save_checkpoint", 2, True),
    "after the last checkpoint": Point(TRAINER, "Trainer.run", 1, True),
}


def kill_at(point: Point) -> None:
    """End this process by SIGKILL when it has come to a point."""
    *owners, name = point.name.split(".")
    owner: Any = import_module(point.module)
    for one in owners:
        owner = getattr(owner, one)
    called = getattr(owner, name)
    left = [point.count]

    def watched(*args: Any, **named: Any) -> Any:
        counted = point.counts(*args, **named)
        left[0] -= counted
        here = counted and left[0] == 0
        result = None if here and not point.after else called(*args, **named)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, watched)


def save_in_between(progress: FitProgress) -> None:
    """A checkpoint after the third step of every epoch too."""
    steps = progress.total // progress.epochs if progress.epochs else 0
    trainer._SAVE_SECONDS = 0.0 if steps and progress.done % steps == 2 else float("inf")


def train(kind: str, folder: Path, run: Path) -> Fitted | Trained:
    curated = make_curated(folder / "images", train=TRAIN, validation=VALIDATION)
    if kind == "network":
        return train_network(
            NETWORK,
            curated,
            start=None,
            cache=folder / "cache",
            folder=run,
            on_progress=save_in_between,
        )
    return fit(
        HEADS,
        small_backbone(),
        curated,
        cache=folder / "cache",
        cache_bytes=10**9,
        folder=run,
        on_progress=save_in_between,
    )


def train_and_keep(kind: str, folder: Path, run: Path, point: Point | None) -> None:
    if point:
        kill_at(point)
    trainer._SAVE_SHARE = float("inf")  # a checkpoint after every epoch
    made = train(kind, folder, run)
    tensors = made.bundle.tensors if isinstance(made, Trained) else made.tensors
    whole = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    save_file(whole, run / "made", {"history": json.dumps(made.history)})


def forked(kind: str, folder: Path, run: Path, point: Point | None = None) -> int:
    """The exit status of a process that trains; the signal that killed it, below 0."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        train_and_keep(kind, folder, run, point)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def differences(one: Path, other: Path) -> Iterator[str]:
    """The names of what two trainings have not made alike to the bit: tensors of what they return
    and of their checkpoints, which are float32, and the figures."""
    for file in sorted({"made", *(path.name for path in one.glob("*.safetensors"))}):
        with safe_open(one / file, "numpy") as first, safe_open(other / file, "numpy") as second:
            if first.metadata() != second.metadata():
                yield f"{file}: figures"
            for name in sorted({*first.keys(), *second.keys()}):
                if first.get_tensor(name).tobytes() != second.get_tensor(name).tobytes():
                    yield f"{file}: {name}"


def main(kind: str, folder: Path, *names: str) -> None:
    undisturbed = folder / "undisturbed"
    forked(kind, folder, undisturbed)
    told: dict[str, Any] = {}
    for name in names:
        run, point = folder / name.replace(" ", "-"), POINTS.get(name)
        statuses = [forked(kind, folder, run, point)]
        if point:
            statuses.append(forked(kind, folder, run))
        told[name] = {"statuses": statuses, "differ": list(differences(undisturbed, run))}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
