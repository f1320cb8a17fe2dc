"""An exponential moving average of a network's weights over its training."""

from collections.abc import Sequence
from typing import Any

from keras import ops

# Steps between two updates, which save time; the first ones all count.
_EVERY, _EARLY = 8, 64


class ExponentialMovingAverage:
    """The exponential moving average of variables, the statistics of normalisation included.

    It forgets by `decay` a step, and faster in the beginning: what the first steps were like is
    no help (Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992; Tarvainen and Valpola, "Mean
    teachers", NeurIPS 2017). `values` are tensors of the backend, in the order of the variables and
    on their device.
    """

    def __init__(self, variables: Sequence[Any], decay: float) -> None:
        self._variables = variables
        self._decay = decay
        self._updated_at = 0
        self.values = copies(variables)

    def update(self, step: int) -> None:
        """Hear that `step` steps (from 1) have been made; the variables are looked at in some."""
        counted = _counted(step)
        elapsed = counted - self._updated_at
        if not elapsed:
            return
        self._updated_at = counted
        share = 1 - min(self._decay, (1 + step) / (10 + step)) ** elapsed
        self.values = [
            average + share * (ops.convert_to_tensor(variable) - average)
            for average, variable in zip(self.values, self._variables, strict=True)
        ]

    def restore(self, values: Sequence[Any], step: int) -> None:
        """Go on from the values that there were after a step."""
        self.values = [ops.convert_to_tensor(value) for value in values]
        self._updated_at = _counted(step)


def _counted(step: int) -> int:
    """Up to which step the variables have been looked at when `step` have been made. It depends on
    nothing else, so that an average that is restored goes on as it would have gone."""
    return step if step <= _EARLY else step // _EVERY * _EVERY


def copies(variables: Sequence[Any]) -> list[Any]:
    """What variables hold now, in tensors of its own, on their device."""
    return [ops.copy(ops.convert_to_tensor(variable)) for variable in variables]
