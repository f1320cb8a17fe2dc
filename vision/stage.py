"""One Keras model, trained on features kept on disk, with a checkpoint after every epoch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoints import (
    assign_values,
    group,
    load_checkpoint,
    numbered,
    save_checkpoint,
    variable_values,
)
from .errors import VisionError
from .features import Features
from .heads import HeadSpec, class_probabilities, expected_years
from .losses import Truth, head_loss
from .recipes import Recipe

_PREDICTION_BATCH = 256

Metrics = dict[str, dict[str, float]]
"""Figures of an epoch by head: `loss` (as weighted in training), `validation_loss` (unweighted),
and `validation_mae` in years or `validation_accuracy`, a share."""


class LossDiverged(VisionError):
    """The loss is no longer a number."""

    code = "loss_diverged"


@dataclass(frozen=True)
class FitProgress:
    """How far a training is: `done` of `total` images or batches of a phase.

    `epoch` counts from 1, up to `epochs`, and fewer where the training stops early. `metrics` are
    given at the end of an epoch; a training that goes on tells those of its past epochs again,
    since whoever listened may have been killed before he heard of the last one.
    """

    phase: str
    done: int
    total: int
    epoch: int = 0
    epochs: int = 0
    metrics: Metrics = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Examples to learn from or to validate by.

    `index` (N,) tells where their features lie in `values`; `truth` and `weights` (N,) are by
    head. An example of weight 0 says nothing to that head.
    """

    values: Features
    index: NDArray[np.int64]
    truth: Mapping[str, Truth]
    weights: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Stage:
    """A model from features to a dict of head outputs, and how fast it learns."""

    name: str
    model: Any
    specs: Sequence[HeadSpec]
    train: Rows
    validation: Rows
    learning_rate: float


@dataclass
class _State:
    """How far a stage is, and its best weights so far."""

    best_loss: float
    best: list[NDArray[Any]]
    epoch: int = 0
    best_epoch: int = 0
    finished: bool = False
    history: list[Metrics] = field(default_factory=list)


def train_stage(
    stage: Stage, recipe: Recipe, checkpoint: Path, on_progress: Callable[[FitProgress], None]
) -> list[Metrics]:
    """Train until the validation loss has not fallen for `recipe.patience` epochs, and leave the
    model with the best weights it has had, its first ones included. Returns every epoch's figures.

    Goes on from the checkpoint where there is one. `on_progress` hears of every batch; what it
    raises stops the training. Raises LossDiverged, DiskFull, CheckpointUnusable.
    """
    batch = min(recipe.batch, len(stage.train.index))
    steps = len(stage.train.index) // batch
    _compile(stage, recipe, steps * recipe.epochs)
    state = _restore(stage, checkpoint)
    now = partial(FitProgress, phase=stage.name, total=steps * recipe.epochs, epochs=recipe.epochs)
    for epoch, metrics in enumerate(state.history, start=1):
        on_progress(now(done=steps * epoch, epoch=epoch, metrics=metrics))
    while not state.finished:
        epoch, before = state.epoch + 1, steps * state.epoch
        on_progress(now(done=before, epoch=epoch))
        losses = []
        for step, (x, y, weights) in enumerate(_shuffled(stage.train, batch, recipe.seed, state)):
            logs = stage.model.train_on_batch(x, y, weights, return_dict=True)
            losses.append(_head_losses(stage, logs))
            on_progress(now(done=before + step + 1, epoch=epoch))
        metrics = _validate(stage)
        for spec, loss in zip(stage.specs, np.mean(losses, axis=0), strict=True):
            metrics[spec.name]["loss"] = float(loss)
        _advance(stage, recipe, state, metrics)
        _save(stage.model, state, checkpoint)
        on_progress(now(done=before + steps, epoch=epoch, metrics=metrics))
    assign_values(stage.model.variables, state.best)
    return state.history


def predict_rows(model: Any, rows: Rows) -> dict[str, NDArray[np.float32]]:
    """A model's outputs (N, units) for rows, by head."""
    size = _PREDICTION_BATCH
    parts = [
        model.predict_on_batch(rows.values[rows.index[i : i + size]])
        for i in range(0, len(rows.index), size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _compile(stage: Stage, recipe: Recipe, steps: int) -> None:
    import keras

    rate = keras.optimizers.schedules.CosineDecay(stage.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    stage.model.compile(optimizer, {spec.name: head_loss(spec) for spec in stage.specs})
    optimizer.build(stage.model.trainable_variables)


def _shuffled(rows: Rows, batch: int, seed: int, state: _State) -> Iterator[tuple[Any, Any, Any]]:
    """Full batches in an order that the seed and the epoch decide alone."""
    order = np.random.default_rng([seed, state.epoch]).permutation(len(rows.index))
    for start in range(0, len(order) - batch + 1, batch):
        chosen = order[start : start + batch]
        truth = {name: values[chosen, None] for name, values in rows.truth.items()}
        weights = {name: values[chosen] for name, values in rows.weights.items()}
        yield rows.values[rows.index[chosen]], truth, weights


def _head_losses(stage: Stage, logs: Mapping[str, float]) -> list[float]:
    """The loss of each head in a batch. Raises LossDiverged."""
    losses = [float(logs.get(f"{spec.name}_loss", logs["loss"])) for spec in stage.specs]
    check_finite(stage.specs, losses)
    return losses


def check_finite(specs: Sequence[HeadSpec], losses: Sequence[float]) -> None:
    """Raises LossDiverged where the loss of a head is no number."""
    for spec, loss in zip(specs, losses, strict=True):
        if not np.isfinite(loss):
            raise LossDiverged(
                f"The loss of the {spec.name} head is no longer a number. Please train with a "
                "lower learning rate, or look for damaged labels."
            )


def _validate(stage: Stage) -> Metrics:
    """Raises LossDiverged."""
    outputs = predict_rows(stage.model, stage.validation)
    figures = {}
    for spec in stage.specs:
        known = stage.validation.weights[spec.name] > 0
        truth, found = stage.validation.truth[spec.name][known], outputs[spec.name][known]
        figures[spec.name] = validation_figures(spec, found, truth)
    check_finite(stage.specs, [figures[spec.name]["validation_loss"] for spec in stage.specs])
    return figures


def _total_loss(metrics: Metrics) -> float:
    return sum(figures["validation_loss"] for figures in metrics.values())


def validation_figures(
    spec: HeadSpec, outputs: NDArray[np.float32], truth: Truth
) -> dict[str, float]:
    """A head's loss and its error in years or its share of right answers."""
    from keras import ops

    loss = ops.convert_to_numpy(head_loss(spec)(truth[:, None], outputs)).mean()
    if spec.name == "age":
        error = np.abs(expected_years(spec, outputs) - truth).mean()
        return {"validation_loss": float(loss), "validation_mae": float(error)}
    right = class_probabilities(spec, outputs).argmax(axis=1) == truth
    return {"validation_loss": float(loss), "validation_accuracy": float(right.mean())}


def _advance(stage: Stage, recipe: Recipe, state: _State, metrics: Metrics) -> None:
    state.epoch += 1
    state.history.append(metrics)
    loss = _total_loss(metrics)
    if loss < state.best_loss:
        state.best_loss, state.best_epoch = loss, state.epoch
        state.best = variable_values(stage.model.variables)
    waited = state.epoch - state.best_epoch
    state.finished = state.epoch >= recipe.epochs or waited >= recipe.patience


def _save(model: Any, state: _State, checkpoint: Path) -> None:
    """The best weights, and while the training goes on the present ones and the optimiser's."""
    record = {key: value for key, value in vars(state).items() if key != "best"}
    groups = {"best": state.best}
    if not state.finished:
        groups |= {"model": variable_values(model.variables)}
        groups |= {"optimizer": variable_values(model.optimizer.variables)}
    save_checkpoint(checkpoint, numbered(**groups), record)


def _restore(stage: Stage, checkpoint: Path) -> _State:
    """Where the checkpoint left off; without one the weights as they are, the best so far."""
    model = stage.model
    found = load_checkpoint(checkpoint)
    if found is None:
        loss = _total_loss(_validate(stage))
        return _State(best_loss=loss, best=variable_values(model.variables))
    tensors, record = found
    state = _State(**record, best=group(tensors, "best"))
    if not state.finished:
        assign_values(model.variables, group(tensors, "model"))
        assign_values(model.optimizer.variables, group(tensors, "optimizer"))
    return state
