"""What a training tells of itself as it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vision.heads.losses import TargetValues, head_loss
from vision.heads.specs import HeadSpec, expected_years, probabilities_of
from vision.heads.targets import Targets

from ..errors import VisionError

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


def check_finite(losses: Mapping[str, float]) -> None:
    """Raises LossDiverged where the loss of a head is no number."""
    for head, loss in losses.items():
        if not np.isfinite(loss):
            raise LossDiverged(head=head)


def validation_metrics(
    specs: Sequence[HeadSpec], outputs: Mapping[str, NDArray[np.float32]], targets: Targets
) -> Metrics:
    """The figures of every head's outputs (N, units) where the targets have a label for it.

    Raises LossDiverged.
    """
    metrics: Metrics = {}
    for spec in specs:
        known = targets.weights[spec.name] > 0
        expected, found = targets.by_head[spec.name][known], outputs[spec.name][known]
        metrics[spec.name] = validation_figures(spec, found, expected)
    check_finite({name: figures["validation_loss"] for name, figures in metrics.items()})
    return metrics


def validation_figures(
    spec: HeadSpec, outputs: NDArray[np.float32], targets: TargetValues
) -> dict[str, float]:
    """A head's loss and its error in years or its share of right answers."""
    from keras import ops

    loss = ops.convert_to_numpy(head_loss(spec)(targets[:, None], outputs)).mean()
    if spec.name == "age":
        error = np.abs(expected_years(spec, outputs) - targets).mean()
        return {"validation_loss": float(loss), "validation_mae": float(error)}
    right = probabilities_of(spec, outputs).argmax(axis=1) == targets
    return {"validation_loss": float(loss), "validation_accuracy": float(right.mean())}
