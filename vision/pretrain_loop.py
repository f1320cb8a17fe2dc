"""The epochs of a training from scratch, with a checkpoint that a kill leaves whole."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .augment import whole
from .average import Average
from .batches import Epoch, augmented_batches
from .checkpoints import (
    assign_values,
    group,
    load_checkpoint,
    numbered,
    save_checkpoint,
    variable_values,
)
from .crops import Crops
from .errors import VisionError
from .heads import HeadSpec
from .losses import blended, head_loss
from .pretrain_recipe import PretrainRecipe, PretrainStage
from .reading import Reading
from .sharpness import SharpnessAware
from .stage import FitProgress, Metrics, check_finite, validation_figures
from .targets import Targets

_SAVE_SECONDS = 300.0  # of an epoch that a kill may cost
_VALIDATION_BATCH = 128

OnProgress = Callable[[FitProgress], None]


class TooFewImages(VisionError):
    """There is no full batch to learn from."""

    code = "too_few_images"


@dataclass(frozen=True)
class Aims:
    """The crops, how they are read at each size, and what the heads should say of those of either
    split."""

    crops: Crops
    readings: Mapping[int, Reading]
    train: Targets
    validation: Targets


@dataclass(frozen=True)
class _Planned:
    """One epoch of the whole plan: its phase, its place in it (from 1), and how many steps."""

    phase: str
    stage: PretrainStage
    place: int
    steps: int
    last_stage: bool


@dataclass
class _State:
    """How far a training is: `epoch` epochs of the plan and `step` steps of the next are done,
    `losses` the sums of its heads' losses."""

    epoch: int = 0
    step: int = 0
    steps_made: int = 0
    losses: list[float] = field(default_factory=list)
    finished: bool = False
    best_error: float = float("inf")
    history: dict[str, list[Metrics]] = field(default_factory=dict)


class PretrainLoop:
    """Trains a network of `batchnorm.build_network` by a recipe.

    `best` holds the weights that are kept, in the order of `network.weights`: of the epochs at
    the final size, the averaged ones with the smallest error in validation. At `deadline`, a time
    of `time.monotonic`, an epoch is broken off and what there is validated. `on_best` is called
    with the figures of better weights whenever they are found, while the network holds them.
    """

    def __init__(
        self,
        recipe: PretrainRecipe,
        network: Any,
        aims: Aims,
        checkpoint: Path,
        *,
        deadline: float = float("inf"),
        on_best: Callable[[Metrics], None] = lambda _metrics: None,
    ) -> None:
        self._recipe = recipe
        self._network = network
        self._aims = aims
        self._checkpoint = checkpoint
        self._deadline = deadline
        self._on_best = on_best
        self._plan = _plan(recipe, len(aims.crops.train))
        self._state = _State(losses=[0.0] * len(recipe.heads))
        self.best: list[NDArray[Any]] = []

    @property
    def has_checkpoint(self) -> bool:
        return self._checkpoint.exists()

    @property
    def best_metrics(self) -> Metrics:
        """The figures of the weights that are kept."""
        *_, last = self._state.history.values()
        return min(last, key=self._error)

    def run(self, on_progress: OnProgress) -> dict[str, list[Metrics]]:
        """Train to the end, from the checkpoint where there is one. Returns every epoch's
        figures by phase.

        Raises what `on_progress` raises, LossDiverged, DiskFull, CheckpointUnusable.
        """
        self._optimizer = self._build_optimizer()
        self._average = Average(self._network.weights, self._recipe.average)
        self._restore()
        for planned in self._plan[: self._state.epoch]:
            metrics = self._state.history[planned.phase][planned.place - 1]
            on_progress(_progress(planned, planned.steps, metrics=metrics))
        workers = os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            compiled: PretrainStage | None = None
            while not self._state.finished:
                planned = self._plan[self._state.epoch]
                if planned.stage != compiled:
                    self._compile()
                    compiled = planned.stage
                self._train(planned, on_progress, pool, ahead=workers)
                metrics = self._validate(planned)
                self._advance(planned, metrics)
                on_progress(_progress(planned, planned.steps, metrics=metrics))
        return self._state.history

    def _train(
        self, planned: _Planned, on_progress: OnProgress, pool: Executor, ahead: int
    ) -> None:
        """The rest of one epoch."""
        state, saved_at = self._state, time.monotonic()
        on_progress(_progress(planned, state.step))
        for crops, truth, weights in self._batches(planned, pool, ahead):
            logs = self._learner.train_on_batch(crops, truth, weights, return_dict=True)
            heads = self._recipe.heads
            losses = [float(logs.get(f"{spec.name}_loss", logs["loss"])) for spec in heads]
            check_finite(heads, losses)
            state.losses = [total + loss for total, loss in zip(state.losses, losses, strict=True)]
            state.step += 1
            state.steps_made += 1
            self._average.update(state.steps_made)
            if time.monotonic() - saved_at > _SAVE_SECONDS:
                self._save()
                saved_at = time.monotonic()
            on_progress(_progress(planned, state.step))
            if time.monotonic() >= self._deadline:
                break

    def _batches(self, planned: _Planned, pool: Executor, ahead: int) -> Iterator[Any]:
        epoch = Epoch(self._state.epoch, planned.stage.size, planned.stage.batch)
        return augmented_batches(
            self._aims.crops.train,
            self._aims.train,
            self._recipe,
            epoch,
            first=self._state.step,
            pool=pool,
            ahead=ahead,
            reading=self._aims.readings[epoch.size],
        )

    def _validate(self, planned: _Planned) -> Metrics:
        """The figures of the averaged weights. Raises LossDiverged."""
        with self._holding(self._average.values):
            outputs = self._predicted(planned.stage.size)
        metrics: Metrics = {}
        for spec, total in zip(self._recipe.heads, self._state.losses, strict=True):
            known = self._aims.validation.weights[spec.name] > 0
            truth = self._aims.validation.truth[spec.name][known]
            metrics[spec.name] = validation_figures(spec, outputs[spec.name][known], truth)
            metrics[spec.name]["loss"] = total / self._state.step
        losses = [metrics[spec.name]["validation_loss"] for spec in self._recipe.heads]
        check_finite(self._recipe.heads, losses)
        return metrics

    def _predicted(self, size: int) -> dict[str, NDArray[np.float32]]:
        crops, reading = self._aims.crops.validation, self._aims.readings[size]
        parts = [
            self._network.predict_on_batch(
                reading.read_all(whole(crops[i : i + _VALIDATION_BATCH], size))
            )
            for i in range(0, len(crops), _VALIDATION_BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _advance(self, planned: _Planned, metrics: Metrics) -> None:
        state, out_of_time = self._state, time.monotonic() >= self._deadline
        state.history.setdefault(planned.phase, []).append(metrics)
        error = self._error(metrics)
        if (planned.last_stage or out_of_time) and error < state.best_error:
            state.best_error = error
            self.best = [np.copy(values) for values in self._average.values]
            with self._holding(self.best):
                self._on_best(metrics)
        state.epoch, state.step = state.epoch + 1, 0
        state.finished = out_of_time or state.epoch == len(self._plan)
        state.losses = [0.0] * len(self._recipe.heads)
        self._save()

    @contextmanager
    def _holding(self, values: Sequence[NDArray[Any]]) -> Iterator[None]:
        """Meanwhile the network has other weights."""
        present = variable_values(self._network.weights)
        assign_values(self._network.weights, values)
        try:
            yield
        finally:
            assign_values(self._network.weights, present)

    def _error(self, metrics: Metrics) -> float:
        """Errors in decades and shares of wrong answers, weighted as the losses are."""
        return sum(
            self._recipe.loss_weights[spec.name] * _head_error(spec, metrics[spec.name])
            for spec in self._recipe.heads
        )

    def _build_optimizer(self) -> Any:
        import keras

        recipe, steps = self._recipe, sum(planned.steps for planned in self._plan)
        warm_up = int(recipe.warm_up * steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else recipe.learning_rate,
            steps - warm_up,
            warmup_target=recipe.learning_rate if warm_up else None,
            warmup_steps=warm_up,
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
        variables = self._network.trainable_variables
        optimizer.exclude_from_weight_decay([one for one in variables if len(one.shape) == 1])
        optimizer.build(variables)
        return optimizer

    def _compile(self) -> None:
        """Anew for every size: a graph of fixed shapes is faster than one for all of them."""
        recipe, network = self._recipe, self._network
        losses = {
            spec.name: blended(
                head_loss(spec, smoothing=recipe.smoothing, age_sigma=recipe.age_sigma)
            )
            for spec in recipe.heads
        }
        shares = {spec.name: recipe.loss_weights[spec.name] for spec in recipe.heads}
        network.compile(self._optimizer, losses, loss_weights=shares)
        radius = recipe.sam_radius
        self._learner = SharpnessAware(network, radius, losses, shares) if radius else network

    def _save(self) -> None:
        """The best weights, and while the training goes on all that it goes on with."""
        groups = {"best": self.best}
        if not self._state.finished:
            groups |= {"average": self._average.values}
            groups |= {"network": variable_values(self._network.variables)}
            groups |= {"optimizer": variable_values(self._optimizer.variables)}
        save_checkpoint(self._checkpoint, numbered(**groups), vars(self._state))

    def _restore(self) -> None:
        found = load_checkpoint(self._checkpoint)
        if found is None:
            return
        tensors, record = found
        self._state, self.best = _State(**record), group(tensors, "best")
        self._state.finished |= self._state.epoch == len(self._plan)  # of before it was recorded
        if not self._state.finished:
            self._average.values = group(tensors, "average")
            assign_values(self._network.variables, group(tensors, "network"))
            assign_values(self._optimizer.variables, group(tensors, "optimizer"))


def _plan(recipe: PretrainRecipe, images: int) -> list[_Planned]:
    """Every epoch in order. Raises TooFewImages."""
    planned = []
    for phase, stage in recipe.named_stages():
        steps = images // stage.batch
        if not steps:
            raise TooFewImages(
                f"The recipe learns from {stage.batch} images at a time, and the selection has "
                f"{images}. Please import more images, or make the batch smaller."
            )
        last = stage == recipe.stages[-1]
        planned += [_Planned(phase, stage, i + 1, steps, last) for i in range(stage.epochs)]
    return planned


def _progress(planned: _Planned, step: int, **metrics: Any) -> FitProgress:
    made = partial(FitProgress, epoch=planned.place, epochs=planned.stage.epochs)
    before = (planned.place - 1) * planned.steps
    total = planned.stage.epochs * planned.steps
    return made(phase=planned.phase, done=before + step, total=total, **metrics)


def _head_error(spec: HeadSpec, figures: dict[str, float]) -> float:
    if spec.name == "age":
        return figures["validation_mae"] / 10
    return 1 - figures["validation_accuracy"]
