"""What heads should say of labelled examples, and how much each example counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vision.attributes import Labels
from vision.errors import VisionError

from .losses import TargetValues, balancing_weights, head_targets
from .specs import HeadSpec

_AGE_SMOOTHING = 2.0  # years; the width of the density that rare ages are weighted by


class NothingToLearn(VisionError):
    """The selection of images has nothing a head could learn from."""

    code = "nothing_to_learn"


@dataclass(frozen=True)
class Targets:
    """What each head should say of each example (N,), and how much it counts; 0 is not at all."""

    by_head: Mapping[str, TargetValues]
    weights: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(
        cls, specs: Sequence[HeadSpec], labels: Sequence[Labels], balance: Mapping[str, float]
    ) -> "Targets":
        """Rare labels of a head count more by its `balance`, as `losses.balancing_weights` takes
        it.

        Raises NothingToLearn for a head without any label.
        """
        by_head: dict[str, TargetValues] = {}
        weights: dict[str, NDArray[np.float32]] = {}
        for spec in specs:
            values, known = head_targets(spec, labels)
            if not known.any():
                raise NothingToLearn(head=spec.name)
            sigma = 0.0 if spec.labels else _AGE_SMOOTHING
            counting = np.zeros(len(values), np.float32)
            strength = balance.get(spec.name, 0)
            counting[known] = balancing_weights(values[known], strength, sigma=sigma)
            by_head[spec.name], weights[spec.name] = values, counting
        return cls(by_head, weights)


def weighted_head(spec: HeadSpec, labels: Sequence[Labels], balance: float) -> HeadSpec:
    """A head of labels with what `Targets.of` weighs an example of each by, for calibration to
    undo; 1 for a label that none has. Another head, or one that is not balanced, as it is."""
    if not (spec.labels and balance):
        return spec
    values, known = head_targets(spec, labels)
    weights = np.ones(len(spec.labels))
    weights[values[known]] = balancing_weights(values[known], balance)
    return replace(spec, label_weights=tuple(weights.round(4).tolist()))
