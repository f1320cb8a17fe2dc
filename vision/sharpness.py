"""Sharpness-aware minimisation: weights whose neighbours are good too. Keras 3's own API only.

What is learnt from is the gradient not at the weights but at the worst point near them, which
leads to where the loss is flat and does better on images not learnt from (Foret et al.,
"Sharpness-aware minimization for efficiently improving generalization", ICLR 2021).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops
from numpy.typing import NDArray

_FLOOR = 0.01  # added to every weight's size, so that one of zero moves too (Kwon et al.'s eta)
_CLIMBERS = 3  # one image in so many: fewer find a rougher way up, which generalises no worse

_Arrays = Mapping[str, NDArray[Any]]


class SharpnessAware:
    """Trains a network by the gradients at the rim of a neighbourhood of its weights.

    Called like the network's own `train_on_batch`. Between two batches the weights are the
    network's own, off the rim: they may be read, saved or replaced.
    """

    def __init__(self, network: Any, radius: float, losses: Any, loss_weights: Any) -> None:
        self._network = network
        self._climb = _Climb(radius)
        self._climb.build(network.trainable_variables)
        # The same layers and weights, with another way to move them.
        self._climber = keras.Model(network.input, network.output)
        self._climber.compile(self._climb, losses, loss_weights=loss_weights)

    def train_on_batch(
        self, crops: NDArray[Any], truth: _Arrays, weights: _Arrays, *, return_dict: bool
    ) -> Any:
        """Climb, by the first third of the batch; learn from all of it there; climb down."""
        few = max(1, len(crops) // _CLIMBERS)
        some_truth, some_weights = _first(few, truth), _first(few, weights)
        self._climber.train_on_batch(crops[:few], some_truth, some_weights)
        logs = self._network.train_on_batch(crops, truth, weights, return_dict=return_dict)
        self._climb.undo()
        return logs


class _Climb(keras.optimizers.Optimizer):  # type: ignore[misc]
    """Moves weights to where, to first order, the loss is largest within `radius` of them.

    Distances are measured in the weights' own sizes: how a network shares out its scale between
    its layers makes no difference (Kwon et al., "ASAM: adaptive sharpness-aware minimization",
    ICML 2021, equation 6).
    """

    def __init__(self, radius: float) -> None:
        super().__init__(learning_rate=1.0, name="climb")
        self._radius = radius

    def build(self, variables: Sequence[Any]) -> None:
        if not self.built:
            super().build(variables)
            self._moves = self.add_optimizer_variables(variables, "move")

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        variables = trainable_variables or self._trainable_variables
        sizes = [ops.abs(variable) + _FLOOR for variable in variables]
        steepness = ops.sqrt(
            sum(ops.sum(ops.square(s * g)) for s, g in zip(sizes, grads, strict=True))
        )
        share = self._radius / ops.maximum(steepness, keras.config.epsilon())
        for variable, size, grad in zip(variables, sizes, grads, strict=True):
            move = self._moves[self._get_variable_index(variable)]
            move.assign(share * ops.square(size) * grad)
            variable.assign_add(move)
        self._iterations.assign_add(1)

    def undo(self) -> None:
        for variable, move in zip(self._trainable_variables, self._moves, strict=True):
            variable.assign_sub(move)
            move.assign(ops.zeros(move.shape))  # a climb that is skipped leaves nothing to undo


def _first(count: int, arrays: _Arrays) -> _Arrays:
    return {name: values[:count] for name, values in arrays.items()}
