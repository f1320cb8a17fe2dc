"""The batches of an epoch, in an order that a seed decides, from whichever step on."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vision.caches.extractor import Features
from vision.heads.targets import Targets

from .network_recipes import Augmentation
from .views import draw_views

Batch = tuple[Any, dict[str, NDArray[Any]], dict[str, NDArray[np.float32]]]
"""What the network takes; by head, what it should say (N, columns) and the weights (N,)."""


@dataclass(frozen=True)
class Order:
    """Full batches of `batch` out of `count` examples, in an order that the seed and the number of
    the epoch (from 0) decide alone."""

    seed: int
    count: int
    batch: int

    @property
    def steps(self) -> int:
        """Of an epoch. What does not fill a batch comes another time."""
        return self.count // self.batch

    def of_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Which examples a step takes: (steps, batch)."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return order[: self.steps * self.batch].reshape(self.steps, self.batch)


class EpochBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch from a step on; `begin` turns to another epoch.

    After `close` there are none any more, and what they were made of is free: TensorFlow keeps
    what it has once trained on for as long as the process lives.
    """

    def __init__(self, order: Order, epoch: int, first: int) -> None:
        super().__init__()
        self._order, self._first = order, first
        self.begin(epoch)

    def begin(self, epoch: int) -> None:
        self._epoch, self._chosen = epoch, self._order.of_epoch(epoch)

    def close(self) -> None:
        self._chosen = self._chosen[:0]

    def __len__(self) -> int:
        return self._order.steps - self._first

    def __getitem__(self, index: int) -> Batch:
        step = self._first + index
        return self._batch(step, self._chosen[step])

    def _batch(self, _step: int, _chosen: NDArray[np.int64]) -> Batch:
        raise NotImplementedError


@dataclass(frozen=True)
class FeatureRows:
    """Features on disk: `index` (count,) tells where those of an example lie in `values`."""

    values: Features
    index: NDArray[np.int64]
    targets: Targets


class FeatureBatches(EpochBatches):
    """Features, and what heads should say of them (N, 1)."""

    def __init__(self, order: Order, epoch: int, first: int, rows: FeatureRows) -> None:
        super().__init__(order, epoch, first)
        self._rows = rows

    def close(self) -> None:
        super().close()
        del self._rows

    def _batch(self, _step: int, chosen: NDArray[np.int64]) -> Batch:
        rows = self._rows
        targets = {name: of[chosen, None] for name, of in rows.targets.by_head.items()}
        weights = {name: counting[chosen] for name, counting in rows.targets.weights.items()}
        return rows.values[rows.index[chosen]], targets, weights


class ViewBatches(EpochBatches):
    """Which crops to show and as what views, by name; the crops stay on the device.

    The targets (N, 3) are those of `losses.blended`. Each batch depends on the seed, the epoch
    and the step alone.
    """

    def __init__(
        self, order: Order, epoch: int, first: int, strength: Augmentation, targets: Targets
    ) -> None:
        super().__init__(order, epoch, first)
        self._seed, self._strength, self._targets = order.seed, strength, targets

    def _batch(self, step: int, chosen: NDArray[np.int64]) -> Batch:
        rng = np.random.default_rng([self._seed, self._epoch, step])
        views = draw_views(rng, self._strength, len(chosen))
        partner, share = views["partner"], views["share"]
        targets, weights = {}, {}
        for name, values in self._targets.by_head.items():
            own = values[chosen]
            targets[name] = np.column_stack([own, own[partner], share]).astype(np.float32)
            counting = self._targets.weights[name][chosen]
            weights[name] = share * counting + (1 - share) * counting[partner]
        return {"crop": chosen.astype(np.int32), **views}, targets, weights
