"""The one training loop: for heads on cached features and for whole networks, on a CPU and a GPU.

Keras' `fit` makes the steps of an epoch; what is between two epochs, and what a kill must not cost,
is here. Keras 3's own API only, so that it runs on any of its backends.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras

from vision.backbone.precision import on_accelerator
from vision.heads.losses import Loss

from .batches import EpochBatches
from .checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from .ema import ExponentialMovingAverage, copies
from .progress import FitProgress, Metrics, check_finite

_SAVE_SECONDS = 300.0  # of an epoch that a kill may cost
_SAVE_SHARE = 0.05  # of the time that checkpoints between two epochs may take
# Where a step is over sooner than it can be asked for, so many are asked for at once.
_STEPS_PER_LOOK = 32

OnProgress = Callable[[FitProgress], None]
Logs = Mapping[str, float]


@dataclass(frozen=True)
class Phase:
    """Some epochs of one kind of batches.

    `model` takes the batches and has an output by the name of each head. `batches` gives those of
    an epoch (from 0, counted over all phases) from a step on, and of whichever it is told to
    begin. `validate` gives the figures of the weights as they are then. Only an epoch of a phase
    that `counts` may turn out the best.
    """

    name: str
    epochs: int
    steps: int
    model: Any
    batches: Callable[[int, int], EpochBatches]
    validate: Callable[[], Metrics]
    counts: bool = True


@dataclass(frozen=True)
class Objective:
    """What is minimised: the losses of the heads by name, added up by their weights; and `error`,
    by which the best epoch is told from its validation."""

    losses: Mapping[str, Loss]
    loss_weights: Mapping[str, float]
    error: Callable[[Metrics], float]


@dataclass
class _State:
    """How far a training is: `epoch` epochs of the plan, and `step` steps of the next are done,
    `steps_made` in all. `best_epoch` counts from 1; 0 is what it began with."""

    epoch: int = 0
    step: int = 0
    steps_made: int = 0
    best_error: float = float("inf")
    best_epoch: int = 0
    finished: bool = False
    history: dict[str, list[Metrics]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Epoch:
    """One epoch of the plan: its phase, and its place in it (from 1)."""

    phase: Phase
    place: int

    def progress(self, step: int, **metrics: Any) -> FitProgress:
        made = partial(FitProgress, epoch=self.place, epochs=self.phase.epochs)
        before = (self.place - 1) * self.phase.steps
        total = self.phase.epochs * self.phase.steps
        return made(phase=self.phase.name, done=before + step, total=total, **metrics)


class Trainer:
    """Trains a network through phases that share its weights and an optimiser.

    What is kept are the best weights of the epochs that count, averaged with `ema_decay` where
    that is not 0. With `patience` it stops after so many epochs without better ones, and the
    weights that it begins with may turn out the best. At `deadline`, a time of `time.monotonic`,
    it breaks the epoch off and validates what there is. `on_best` is given the metrics of better
    weights whenever there are any, while the network holds them, and those of the best so far once
    more where a training goes on: a kill may have come before what it did with them. `checkpoint`
    is a file that a
    kill leaves whole: a training that is begun again with it goes on step by step as it would
    have gone.
    """

    def __init__(
        self,
        network: Any,
        phases: Sequence[Phase],
        objective: Objective,
        optimizer: Any,
        checkpoint: Path,
        *,
        ema_decay: float = 0.0,
        patience: int | None = None,
        deadline: float = float("inf"),
        on_best: Callable[[Metrics], None] = lambda _metrics: None,
    ) -> None:
        self._network = network
        self._plan = [_Epoch(phase, i + 1) for phase in phases for i in range(phase.epochs)]
        self._objective = objective
        self._optimizer = optimizer
        self._checkpoint = checkpoint
        self._patience = patience
        self._deadline = deadline
        self._on_best = on_best
        self._average = ExponentialMovingAverage(network.weights, ema_decay) if ema_decay else None
        self._state = _State()
        self._best: Sequence[Any] = ()
        self._losses_before: Sequence[Any] = ()
        self._saved_at, self._save_took = time.monotonic(), 0.0

    def run(self, on_progress: OnProgress) -> dict[str, list[Metrics]]:
        """Train to the end, and leave the network with the best weights.

        Returns every epoch's metrics by phase. `on_progress` hears of every step, or of every few
        on a GPU; what it raises stops the training, to be gone on with later. Raises LossDiverged,
        DiskFull, CheckpointUnusable.
        """
        self._begin()
        for epoch in self._plan[: self._state.epoch]:
            metrics = self._state.history[epoch.phase.name][epoch.place - 1]
            on_progress(epoch.progress(epoch.phase.steps, metrics=metrics))
        compiled = None
        while not self._state.finished:
            epoch = self._plan[self._state.epoch]
            if epoch.phase is not compiled:
                self._compile(epoch.phase.model)
                compiled = epoch.phase
            self._fit(epoch, on_progress)
        assign_values(self._network.weights, self._best)
        return self._state.history

    @property
    def best_metrics(self) -> Metrics:
        """Those of the weights that are kept, of a training that is through."""
        if self._state.best_epoch:
            return self._metrics_of(self._state.best_epoch)
        *_, last = self._state.history.values()  # a checkpoint of before does not tell the epoch
        return min(last, key=self._objective.error)

    def _compile(self, model: Any) -> None:
        """Anew for every phase: a graph of fixed shapes is faster than one for all of them."""
        model.compile(
            self._optimizer,
            dict(self._objective.losses),
            loss_weights=dict(self._objective.loss_weights),
            steps_per_execution=_STEPS_PER_LOOK if on_accelerator() else 1,
        )

    def _fit(self, epoch: _Epoch, on_progress: OnProgress) -> None:
        """Go to the end of an epoch that is begun, or else of its phase."""
        phase, begun = epoch.phase, self._state.step > 0
        with closing(phase.batches(self._state.epoch, self._state.step)) as batches:
            phase.model.fit(
                batches,
                initial_epoch=epoch.place - 1,
                epochs=epoch.place if begun else phase.epochs,
                verbose=0,
                shuffle=False,
                callbacks=[_Watcher(self, batches, on_progress)],
            )

    def begin_epoch(self, batches: EpochBatches, on_progress: OnProgress) -> None:
        """What `fit` calls before an epoch."""
        batches.begin(self._state.epoch)
        on_progress(self._plan[self._state.epoch].progress(self._state.step))

    def after_steps(self, more: int, model: Any, logs: Logs, on_progress: OnProgress) -> None:
        """What `fit` calls when so many more steps are made."""
        for variable, before in zip(model.metrics_variables, self._losses_before, strict=False):
            variable.assign_add(before)
        self._losses_before = ()
        check_finite(self._of_heads(logs))
        state, epoch = self._state, self._plan[self._state.epoch]
        state.step += more
        state.steps_made += more
        if self._average:
            self._average.update(state.steps_made)
        if time.monotonic() >= self._deadline:
            model.stop_training = True
        elif state.step < epoch.phase.steps and time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save(losses=model.metrics_variables)
        on_progress(epoch.progress(state.step))

    def end_epoch(self, model: Any, logs: Logs, on_progress: OnProgress) -> None:
        """What `fit` calls after an epoch. Raises LossDiverged."""
        epoch = self._plan[self._state.epoch]
        present = copies(self._network.weights)
        judged = self._average.values if self._average else present
        assign_values(self._network.weights, judged)
        metrics = epoch.phase.validate()
        for head, loss in self._of_heads(logs).items():
            metrics[head]["loss"] = loss
        self._advance(epoch.phase, metrics, judged)
        assign_values(self._network.weights, present)
        if self._state.finished or self._checkpoint_due():
            self._save()
        model.stop_training = self._state.finished
        on_progress(epoch.progress(epoch.phase.steps, metrics=metrics))

    def _of_heads(self, logs: Logs) -> dict[str, float]:
        """The mean losses by head; Keras names a single one otherwise."""
        heads = self._objective.losses
        return {head: float(logs.get(f"{head}_loss", logs["loss"])) for head in heads}

    def _advance(self, phase: Phase, metrics: Metrics, weights: Sequence[Any]) -> None:
        """An epoch is over: the metrics of its weights."""
        state, out_of_time = self._state, time.monotonic() >= self._deadline
        state.history.setdefault(phase.name, []).append(metrics)
        state.epoch, state.step = state.epoch + 1, 0
        error = self._objective.error(metrics)
        if (phase.counts or out_of_time) and error < state.best_error:
            state.best_error, state.best_epoch = error, state.epoch
            self._best = weights
            self._on_best(metrics)
        patience = float("inf") if self._patience is None else self._patience
        state.finished = (
            state.epoch == len(self._plan)
            or out_of_time
            or state.epoch - state.best_epoch >= patience
        )

    def _checkpoint_due(self) -> bool:
        """Between two short epochs of a large network most of the time would go into them."""
        return time.monotonic() - self._saved_at >= self._save_took / _SAVE_SHARE

    def _begin(self) -> None:
        """From the checkpoint where there is one."""
        found = load_checkpoint(self._checkpoint, self._plan[0].phase.name)
        if self._patience is not None and (found is None or not found.state["best_epoch"]):
            begun_with = self._objective.error(self._plan[0].phase.validate())
            self._state.best_error, self._best = begun_with, copies(self._network.weights)
        if found:
            self._state = _State(**{**vars(self._state), **found.state})
            self._go_on(found)

    def _go_on(self, found: Checkpoint) -> None:
        self._best = found.best
        if self._state.best_epoch:
            best = self._metrics_of(self._state.best_epoch)
            self._state.best_error = self._objective.error(best)
        if self._state.finished:
            return
        if self._state.best_epoch:
            assign_values(self._network.weights, self._best)
            self._on_best(self._metrics_of(self._state.best_epoch))
        assign_values(self._network.variables, found.network)
        assign_values(self._optimizer.variables, found.optimizer)
        if self._average:
            self._average.restore(found.average, self._state.steps_made)
        self._losses_before = found.losses

    def _metrics_of(self, number: int) -> Metrics:
        """Those of an epoch of the plan that is done, counted from 1."""
        epoch = self._plan[number - 1]
        return self._state.history[epoch.phase.name][epoch.place - 1]

    def _save(self, losses: Sequence[Any] = ()) -> None:
        """The best weights, and while the training goes on all that it goes on with."""
        begun = time.monotonic()
        checkpoint = Checkpoint(vars(self._state), self._best)
        if not self._state.finished:
            checkpoint.network = self._network.variables
            checkpoint.optimizer = self._optimizer.variables
            checkpoint.average = self._average.values if self._average else ()
            checkpoint.losses = losses
        save_checkpoint(self._checkpoint, checkpoint)
        self._saved_at = time.monotonic()
        self._save_took = self._saved_at - begun


def assign_values(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Give Keras variables values, arrays or tensors; copies, since what a variable holds on JAX is
    given away with the next step."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(keras.ops.copy(keras.ops.convert_to_tensor(value)))


class _Watcher(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells a trainer what `fit` does.

    `self.model` brings the variables up to date where the backend is JAX, which keeps them to
    itself during an epoch.
    """

    def __init__(self, trainer: Trainer, batches: EpochBatches, on_progress: OnProgress) -> None:
        super().__init__()
        self._trainer, self._batches, self._on_progress = trainer, batches, on_progress
        self._made = 0

    def on_epoch_begin(self, _epoch: int, _logs: Logs | None = None) -> None:
        self._made = 0
        self._trainer.begin_epoch(self._batches, self._on_progress)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        more = min(batch + 1, len(self._batches)) - self._made
        self._made += more
        self._trainer.after_steps(more, self.model, logs or {}, self._on_progress)

    def on_epoch_end(self, _epoch: int, logs: Logs | None = None) -> None:
        self._trainer.end_epoch(self.model, logs or {}, self._on_progress)
