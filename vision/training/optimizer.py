"""How weights are moved: AdamW, its rate warmed up and then brought down to nothing."""

from collections.abc import Sequence
from typing import Any

import keras


def build_optimizer(
    variables: Sequence[Any],
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    warm_up: float = 0.0,
) -> Any:
    """AdamW for variables, built.

    Over the share `warm_up` of all steps the rate rises from nothing to `learning_rate`, then it
    falls to nothing by a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017). Weight decay is
    decoupled (the same, "Decoupled weight decay regularization", ICLR 2019), and spares biases and
    normalisation.
    """
    warm_up_steps = int(warm_up * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warm_up_steps else learning_rate,
        steps - warm_up_steps,
        warmup_target=learning_rate if warm_up_steps else None,
        warmup_steps=warm_up_steps,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay([one for one in variables if len(one.shape) == 1])
    optimizer.build(variables)
    return optimizer
