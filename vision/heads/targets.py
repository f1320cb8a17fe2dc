"""What heads should say of labelled examples, and how much each example counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vision.attributes import Labels
from vision.errors import VisionError

from .losses import TargetValues, balancing_weights, head_targets
from .specs import HeadSpec

_AGE_SMOOTHING = 2.0  # years


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
            counting = np.zeros(len(values), np.float32)
            strength, sigma = balance.get(spec.name, 0), _smoothing(spec)
            counting[known] = balancing_weights(values[known], strength, sigma=sigma)
            by_head[spec.name], weights[spec.name] = values, counting
        return cls(by_head, weights)


def weighted_head(spec: HeadSpec, labels: Sequence[Labels], balance: float) -> HeadSpec:
    """A head with what `Targets.of` weighs an example of each label or age by, for calibration to
    undo. A label that none has weighs 1, such an age as much as those around it. A scalar, or a
    head that is not balanced, as it is."""
    if not (spec.classes and balance):
        return spec
    values, known = head_targets(spec, labels)
    values = values[known]
    given = balancing_weights(values, balance, sigma=_smoothing(spec))
    weights = np.ones(spec.classes)
    weights[values] = given
    if not spec.labels:
        seen = np.unique(values)
        weights = np.interp(np.arange(spec.classes), seen, weights[seen])
    return replace(spec, label_weights=tuple(weights.round(4).tolist()))


def _smoothing(spec: HeadSpec) -> float:
    """Years: the width of the density that rare labels or ages are told by."""
    return 0.0 if spec.labels else _AGE_SMOOTHING
