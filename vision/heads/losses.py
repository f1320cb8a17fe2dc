"""What heads are trained towards, and how much each example counts. Keras 3's own API only."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.attributes import ATTRIBUTES, Labels

from .specs import HeadSpec

AGE_SIGMA = 2.5  # years: about how far people's guesses of one face lie apart
_EXPECTATION_WEIGHT = 0.25

Loss = Callable[[Any, Any], Any]
TargetValues = NDArray[np.int32]


def head_targets(
    spec: HeadSpec, labels: Sequence[Labels]
) -> tuple[TargetValues, NDArray[np.bool_]]:
    """What a head should say of each example, and for which examples it can say it.

    A target (N,) is an age in years (at most the last of a distribution), or an index of the
    head's labels; 0 where the label is none of the head's, or not said.
    """
    said = np.array([one.get(spec.name, -1) for one in labels], np.int32)
    if not spec.labels:
        oldest = int(spec.layers[-1]["dense"]) - 1 if spec.output == "distribution" else None
        return said.clip(0, oldest), said >= 0
    known = ATTRIBUTES[spec.name].labels
    index = [spec.labels.index(name) if name in spec.labels else -1 for name in known]
    found = np.array([*index, -1], np.int32)[said]  # the last for what is not said
    return found.clip(0), found >= 0


def head_loss(spec: HeadSpec, *, smoothing: float = 0.0, age_sigma: float = AGE_SIGMA) -> Loss:
    """The loss of a head: targets (N, 1) and outputs (N, units) → (N,).

    A scalar age has its squared error in decades, which is of the order of the other heads'
    losses where they are trained together. `smoothing` is the share of a gender's or race's target
    that is spread over all labels (Szegedy et al., "Rethinking the Inception architecture", CVPR
    2016, section 7); `age_sigma` the width of an age's distribution in years.
    """
    import keras

    if spec.output == "distribution":
        return age_distribution_loss(int(spec.layers[-1]["dense"]), age_sigma)

    def binary(targets: Any, probabilities: Any) -> Any:
        return keras.losses.binary_crossentropy(targets, probabilities, label_smoothing=smoothing)

    def classes(targets: Any, probabilities: Any) -> Any:
        labels = keras.ops.cast(keras.ops.reshape(targets, (-1,)), "int32")
        one_hot = keras.ops.one_hot(labels, len(spec.labels), dtype="float32")
        return keras.losses.categorical_crossentropy(
            one_hot, probabilities, label_smoothing=smoothing
        )

    losses: dict[str, Loss] = {
        "scalar": lambda years, found: keras.losses.mean_squared_error(years, found) / 100,
        "binary": binary,
        "classes": classes,
    }
    return losses[spec.output]


def blended(loss: Loss) -> Loss:
    """The loss of blends of two examples: targets (N, 3) and outputs (N, units) → (N,).

    The columns are the targets of both examples and the share the first has in the blend (Zhang
    et al., "mixup: beyond empirical risk minimization", ICLR 2018).
    """

    def both(targets: Any, outputs: Any) -> Any:
        first, second, share = targets[:, 0:1], targets[:, 1:2], targets[:, 2]
        return share * loss(first, outputs) + (1 - share) * loss(second, outputs)

    return both


def age_distribution_loss(ages: int, sigma: float = AGE_SIGMA) -> Loss:
    """A loss of years (N,) and probabilities (N, ages) over the ages 0, 1, 2, …: (N,).

    Cross-entropy with a Gaussian of `sigma` years around the label, and a quarter of the smooth
    L1 distance of the expectation (Gao et al., "Age estimation using expectation of label
    distribution learning", IJCAI 2018, with smooth L1 in place of L1).
    """
    from keras import ops

    def loss(years: Any, probabilities: Any) -> Any:
        probabilities = ops.convert_to_tensor(probabilities)
        axis = ops.arange(ages, dtype="float32")
        years = ops.cast(ops.reshape(years, (-1, 1)), "float32")
        target = ops.softmax(-ops.square(axis - years) / (2 * sigma**2))
        cross_entropy = -ops.sum(target * ops.log(ops.clip(probabilities, 1e-7, 1.0)), axis=-1)
        error = ops.abs(ops.sum(probabilities * axis, axis=-1) - years[:, 0])
        smooth = ops.where(error < 1, 0.5 * ops.square(error), error - 0.5)
        return cross_entropy + _EXPECTATION_WEIGHT * smooth

    return loss


def balancing_weights(
    values: NDArray[np.integer], strength: float, *, sigma: float = 0.0
) -> NDArray[np.float32]:
    """The weight of each example, mean 1, by how rare its value (N,) of small integers >= 0 is.

    A weight is the density of the value to the power of -`strength`: 0 weights all alike, 0.5 by
    the square root of the rarity, 1 gives every value the same sum. With `sigma` the density is
    smoothed by a Gaussian of that width, for values that are a scale such as years ("label
    distribution smoothing": Yang et al., "Delving into deep imbalanced regression", ICML 2021).
    """
    counts = np.bincount(values).astype(np.float64)
    if sigma:
        reach = int(np.ceil(3 * sigma))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        counts = np.convolve(counts, kernel / kernel.sum())[reach:-reach]
    weights = counts[values] ** -strength
    normalised: NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
    return normalised
