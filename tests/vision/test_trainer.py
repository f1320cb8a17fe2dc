"""The training loop itself, with a network that is trained in no time."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from vision.training.batches import Batch, EpochBatches, Order
from vision.training.progress import FitProgress, Metrics
from vision.training.trainer import Objective, Phase, Trainer

ERRORS = (1.0, 3.0, 2.0, 4.0)  # of the validations, one after the other


class Points(EpochBatches):
    """Points on a line."""

    def _batch(self, _step: int, chosen: NDArray[np.int64]) -> Batch:
        x = chosen[:, None].astype(np.float32)
        return x, {"age": 2 * x}, {"age": np.ones(len(chosen), np.float32)}


def make_trainer(
    folder: Path, on_best: Callable[[Metrics], None] = lambda _metrics: None
) -> Trainer:
    """Two phases of two epochs, of which the last one's count; validations find ERRORS."""
    source = keras.Input((1,))
    network = keras.Model(source, {"age": keras.layers.Dense(1, name="age")(source)})
    errors: Iterator[float] = iter(ERRORS)

    def validate() -> Metrics:
        return {"age": {"validation_mae": next(errors)}}

    order = Order(0, 6, 2)
    phases = [
        Phase(name, 2, order.steps, network, lambda e, s: Points(order, e, s), validate, counts)
        for name, counts in (("first", False), ("last", True))
    ]
    objective = Objective(
        {"age": keras.losses.MeanSquaredError()},
        {"age": 1.0},
        lambda metrics: metrics["age"]["validation_mae"],
    )
    optimizer = keras.optimizers.AdamW(1e-3)
    optimizer.build(network.trainable_variables)
    checkpoint = folder / "network.safetensors"
    return Trainer(network, phases, objective, optimizer, checkpoint, on_best=on_best)


def unheard(_progress: FitProgress) -> None:
    """Nobody listens."""


def test_figures_of_what_is_kept_are_those_of_its_weights(tmp_path: Path) -> None:
    """Broken off in a phase that does not count: what there is then is kept, not what was better
    before."""
    trainer = make_trainer(tmp_path)

    def watch(progress: FitProgress) -> None:
        if progress.done == 4:
            trainer._deadline = time.monotonic()

    trainer.run(watch)
    assert trainer.best_metrics["age"]["validation_mae"] == ERRORS[1]


def test_who_keeps_the_best_hears_of_it_again_where_a_training_goes_on(tmp_path: Path) -> None:
    """A kill may have come after the checkpoint and before it was kept."""
    first, again = list[Metrics](), list[Metrics]()

    def killed(progress: FitProgress) -> None:
        if progress.metrics and progress.phase == "last":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_trainer(tmp_path, first.append).run(killed)
    make_trainer(tmp_path, again.append).run(unheard)
    assert [one["age"]["validation_mae"] for one in first] == [ERRORS[2]]
    assert again[0] == first[0]


def test_what_a_version_of_before_had_finished_is_not_trained_again(tmp_path: Path) -> None:
    """It wrote down neither that it had finished nor which epoch was the best."""
    history = make_trainer(tmp_path).run(unheard)
    file = tmp_path / "network.safetensors"
    with safe_open(file, "numpy") as saved:
        record = json.loads(saved.metadata()["record"])
        best = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
    del record["finished"], record["best_epoch"]
    save_file(best, file, {"record": json.dumps(record | {"losses": [0.0]})})
    told: list[FitProgress] = []
    assert make_trainer(tmp_path).run(told.append) == history
    heard = [one.metrics for one in told]
    assert heard == [metrics for epochs in history.values() for metrics in epochs]
