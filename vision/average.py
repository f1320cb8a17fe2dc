"""An average of a network's weights over its training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoints import variable_values

# Steps between two looks, which save time; the first ones are all looked at.
_EVERY, _EARLY = 8, 64


class Average:
    """The exponential moving average of variables, the statistics of normalisation included.

    It forgets by `decay` a step, and faster in the beginning: what the first steps were like is
    no help (Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992; Tarvainen and Valpola, "Mean
    teachers", NeurIPS 2017). `values` are float32 arrays in the order of the variables.
    """

    def __init__(self, variables: Sequence[Any], decay: float) -> None:
        self._variables = variables
        self._decay = decay
        self.values: list[NDArray[Any]] = variable_values(variables)

    def update(self, step: int) -> None:
        """Hear that `step` steps (from 1) have been made; the variables are looked at in some."""
        every = 1 if step <= _EARLY else _EVERY
        if step % every:
            return
        share = np.float32(1 - min(self._decay, (1 + step) / (10 + step)) ** every)
        present = variable_values(self._variables)
        self.values = [a + share * (b - a) for a, b in zip(self.values, present, strict=True)]
